"""A tracker, a clip and a panel, each a process of its own."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from siamdw_ros.evaluation.node_process import NODE, ModuleProcess
from siamdw_ros.panel.hub import Hub
from siamdw_ros.panel.settings import PanelSettings

sys.path.insert(0, str(Path(__file__).parent))

from bare_panel import Link
from panel_rig import CLIP, HISTORY, RATE, REQUEST_TIMEOUT, PanelProcess


@pytest.fixture(scope="module")
def tracker(ros_domain: None) -> Iterator[None]:
    """The tracker, and a camera that shows the clip's first frame until it is started."""
    parameters = (
        f"history_seconds:={HISTORY}",
        "history_megabytes:=400.0",
        f"request_timeout:={REQUEST_TIMEOUT}",
    )
    arguments = [part for text in parameters for part in ("-p", text)]
    player = [str(CLIP), "--topic", "image", "--rate", str(RATE), "--loop", "--paused"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(ModuleProcess(NODE, ["--ros-args", *arguments]))
        stack.enter_context(ModuleProcess("siamdw_ros.tools.play_clip", player))
        yield


@pytest.fixture(scope="module")
def panel(ros_domain: None) -> Iterator[PanelProcess]:
    with PanelProcess("port:=0") as running:
        yield running


@pytest.fixture
def hub() -> Iterator[Hub]:
    """What a panel without ROS shares; its `link` is a Link."""
    hub = Hub(cast(Any, Link()), PanelSettings(port=0))
    yield hub
    hub.close()
