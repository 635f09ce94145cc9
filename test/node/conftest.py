"""Nodes and pictures for the tests, in a ROS domain of this test run."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siamdw_ros.evaluation.clip_reader import read_clip

sys.path.insert(0, str(Path(__file__).parent))

from tracker_process import TrackerProcess

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


@pytest.fixture(scope="session", autouse=True)
def _in_own_domain(ros_domain: None) -> None:
    """Run every test here in the run's own ROS domain."""


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """The first second of the clip, 30 frames of 480 x 640 x 3."""
    return [frame for frame, _ in zip(read_clip(CLIP), range(30), strict=False)]


@pytest.fixture
def launch_tracker(tmp_path: Path) -> Iterator[Callable[..., TrackerProcess]]:
    """Start nodes with parameters of the test's own."""
    with contextlib.ExitStack() as stack:

        def launch(
            *, active: bool = True, cameras: Sequence[str] = (), **parameters: Any
        ) -> TrackerProcess:
            parameters = {"device": "cpu", **parameters}
            tracker = TrackerProcess(tmp_path / "node.log", parameters, cameras)
            stack.callback(tracker.close)
            tracker.connect(active=active)
            return tracker

        yield launch


@pytest.fixture(scope="module")
def shared_tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerProcess]:
    """One node with default parameters for a whole module: starting it takes seconds."""
    tracker = TrackerProcess(tmp_path_factory.mktemp("node") / "node.log", {"device": "cpu"})
    tracker.connect()
    yield tracker
    tracker.close()


@pytest.fixture
def tracker(shared_tracker: TrackerProcess) -> TrackerProcess:
    """The module's node, following nothing."""
    assert shared_tracker.stop().success
    return shared_tracker
