"""The button that lets the robot drive, without ROS."""

import asyncio
from typing import Any, cast

import aiohttp
import pytest
from bare_panel import Relay

from siamdw_ros.panel import client as client_module
from siamdw_ros.panel.client import MAX_TICK_AGE, Client
from siamdw_ros.panel.protocol import Hold


def browser(hub: Any) -> Any:
    client = Client(hub, cast(Any, None))
    hub.viewers.add(client)
    return client


class Clock:
    """The panel's clock, set by hand, milliseconds."""

    def __init__(self) -> None:
        self.now = 5_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(client_module, "steady_milliseconds", clock)
    return clock


def press(client: Any, clock: Clock) -> None:
    """Press the button: the first message has no tick yet."""
    client._carry_out(Hold(True))
    client._carry_out(Hold(True, clock.now))


def test_a_second_stop_does_not_enable_a_button_that_is_still_held(hub: Any, clock: Clock) -> None:
    client = browser(hub)
    press(client, clock)
    for _ in range(3):
        hub.stop_robot()
        client._carry_out(Hold(True, clock.now))
    assert hub.link.enabled == [True, False, False, False]
    client._carry_out(Hold(False))
    press(client, clock)  # held anew
    assert hub.link.enabled[4:] == [True]


def test_a_button_that_is_pressed_when_stop_comes_enables_nothing_before_its_release(
    hub: Any, clock: Clock
) -> None:
    client = browser(hub)
    client._carry_out(Hold(True))
    hub.stop_robot()
    client._carry_out(Hold(True, clock.now))
    assert hub.link.enabled == [False]


def test_the_first_message_of_the_button_asks_for_a_tick_only(hub: Any, clock: Clock) -> None:
    client = browser(hub)
    client._carry_out(Hold(True))
    assert hub.link.enabled == []
    assert client._tick_due


def test_what_a_link_delivers_late_enables_nothing_and_stops_the_robot(
    hub: Any, clock: Clock
) -> None:
    client = browser(hub)
    press(client, clock)
    tick = clock.now
    clock.now += MAX_TICK_AGE  # a slow network: still in time
    client._carry_out(Hold(True, tick))
    assert hub.link.enabled == [True, True]
    clock.now += 1
    for _ in range(3):
        client._carry_out(Hold(True, tick))
    client._carry_out(Hold(False))
    assert hub.link.enabled == [True, True, False]


def test_a_tick_that_was_not_sent_yet_enables_nothing(hub: Any, clock: Clock) -> None:
    browser(hub)._carry_out(Hold(True, clock.now + 1))
    assert hub.link.enabled == []


def test_over_a_slow_link_the_page_learns_that_its_hold_is_late(hub: Any) -> None:
    async def run() -> list[bool]:
        late = []
        async with (
            Relay(hub, delay=0.001 * MAX_TICK_AGE + 0.1) as relay,
            aiohttp.ClientSession(headers={"Origin": relay.origin}) as session,
            session.ws_connect(f"{relay.origin}/ws") as socket,
        ):
            answer: dict[str, Any] = {"tick": None}
            for _ in range(2):
                command = {"type": "hold", "pressed": True, "tick": answer["tick"]}
                await socket.send_json(command)
                while (answer := await socket.receive_json(timeout=30))["type"] != "tick":
                    pass
                late.append(answer["late"])
        return late

    assert asyncio.run(run()) == [False, True]
    assert hub.link.enabled == []
