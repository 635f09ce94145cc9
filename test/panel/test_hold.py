"""The button that lets the robot drive, without ROS and without a network."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from siamdw_ros.panel.client import Client
from siamdw_ros.panel.hub import Hub
from siamdw_ros.panel.protocol import Hold
from siamdw_ros.panel.settings import PanelSettings


class Link:
    """Keeps what the follower would get."""

    tracker = "/siamdw_tracker"

    def __init__(self) -> None:
        self.enabled: list[bool] = []

    def enable(self, pressed: bool) -> None:
        self.enabled.append(pressed)

    def watch(self, _cameras: object) -> None:
        """Do nothing."""


@pytest.fixture
def hub() -> Iterator[Any]:
    hub = Hub(cast(Any, Link()), PanelSettings())
    yield hub
    hub.close()


def browser(hub: Any) -> Any:
    client = Client(hub, cast(Any, None))
    hub.viewers.add(client)
    return client


def test_a_second_stop_does_not_enable_a_button_that_is_still_held(hub: Any) -> None:
    client = browser(hub)
    client._carry_out(Hold(True))
    for _ in range(3):
        hub.stop_robot()
        client._carry_out(Hold(True))
    assert hub.link.enabled == [True, False, False, False]
    client._carry_out(Hold(False))
    client._carry_out(Hold(True))  # held anew
    assert hub.link.enabled[4:] == [True]
