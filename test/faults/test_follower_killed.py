"""The processes that the follower depends on are killed while the robot drives."""

import asyncio
import contextlib
import itertools
import threading
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from field import Field, node_process
from panel_rig import PanelProcess, hold
from rig import START, Trials
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StartTracking
from standing import FOLLOWER, LIMIT, Fault, measure

from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.node.decoding import image_message
from siamdw_ros.ros.conversions import box_to_message

pytestmark = pytest.mark.ros
STARTING = 180.0  # seconds, on a busy machine
PARAMETERS = {"device": "cpu", "threads": 1}


@pytest.mark.slow
def test_without_target_pose_the_robot_does_not_drive(trials: Trials, tmp_path: Path) -> None:
    times = []
    log = tmp_path / "nodes.log"
    with (
        node_process("follower", log, camera_z=0.6, obstacle_source="scan"),
        contextlib.closing(Field()) as field,
    ):
        for trial in trials(f"{FOLLOWER}target_pose killed (SIGKILL)"):
            with node_process("target_pose", log, use_depth=True, fixed_frame="''") as process:
                field.drive()
                killed = Fault("", lambda _: process.kill(), "distance", turns=True)
                times.append(measure(field, trial, killed))
    assert max(times) <= LIMIT, times


@pytest.mark.slow
def test_without_the_tracker_the_robot_stands(
    trials: Trials, tmp_path: Path, picture: np.ndarray
) -> None:
    """The real tracker, on a clip's first frame that shakes by a few pixels."""
    ticks = itertools.count()

    def camera() -> Image | None:
        tick = next(ticks)
        return None if tick % 3 else image_message(np.roll(picture, tick % 4, axis=1))

    log = tmp_path / "nodes.log"
    tracker = "/siamdw_tracker"
    times = []
    with (
        node_process("follower", log, tracker, camera_z=0.6, obstacle_source="scan"),
        node_process("target_pose", log, tracker, use_depth=True, fixed_frame="''"),
        TrackerProcess(tmp_path / "tracker.log", parameters=PARAMETERS, respawn=True) as process,
        contextlib.closing(Field()) as field,
    ):
        field.camera = camera
        client = field.node.create_client(StartTracking, f"{tracker}/start_tracking")
        field.wait(client.service_is_ready, "the tracker", STARTING)
        request = StartTracking.Request(bbox=box_to_message(START))
        for trial in trials(f"{FOLLOWER}tracker killed (SIGKILL)"):
            # The restarted tracker loads its network, as the first one did.
            field.wait(lambda: field.call(client, request).success, "a target", STARTING)
            field.drive()
            killed = Fault("", lambda _: process.kill_node(), "s old")
            times.append(measure(field, trial, killed))
    assert max(times) <= LIMIT, times


class Holder:
    """The panel's page in a thread: it holds the button that lets the robot drive."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/"
        self._closed = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()))

    async def _hold(self) -> None:
        # The panel may be killed first; TypeError: the socket is closed instead of an answer.
        with contextlib.suppress(aiohttp.ClientError, ConnectionError, TypeError):
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{self._url}ws", headers={"Origin": self._url[:-1]}) as socket,
            ):
                while not self._closed.is_set():
                    await hold(socket)
                    await asyncio.sleep(0.1)

    def close(self) -> None:
        """Close the page."""
        self._closed.set()

    def __enter__(self) -> "Holder":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
        self._thread.join()


@pytest.mark.parametrize("what", ["page closed", "process killed (SIGKILL)"])
def test_without_the_panel_that_holds_the_button_the_robot_stands(
    trials: Trials, tmp_path: Path, what: str
) -> None:
    times = []
    log = tmp_path / "nodes.log"
    with (
        node_process("follower", log, camera_z=0.6, obstacle_source="scan"),
        node_process("target_pose", log, use_depth=True, fixed_frame="''"),
        contextlib.closing(Field()) as field,
    ):
        field.enables = False
        for trial in trials(f"{FOLLOWER}panel's {what}"):
            with PanelProcess("port:=0") as panel, Holder(panel.port) as page:
                field.drive()
                end = page.close if what == "page closed" else panel.process.kill
                times.append(
                    measure(field, trial, Fault("", lambda _, end=end: end(), "~/enable"))
                )
    assert max(times) <= LIMIT, times
