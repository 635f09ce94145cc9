"""Nodes and pictures for the tests, in a ROS domain of this test run."""

import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reconfigured import Configuration

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.evaluation.node_process import TrackerProcess

sys.path.insert(0, str(Path(__file__).parent))

from tracker_rig import TrackerRig

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
PARAMETERS = {"device": "cpu", "load_timeout": 240.0}
STAMPS = itertools.count(10_000, 10_000)  # no test stamps images as an earlier one did


@pytest.fixture(scope="session", autouse=True)
def _in_own_domain(ros_domain: None) -> None:
    """Run every test here in the run's own ROS domain."""


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """The first second of the clip, 30 frames of 480 x 640 x 3."""
    return [frame for frame, _ in zip(read_clip(CLIP), range(30), strict=False)]


def parameters_with(cameras: Sequence[str], parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters with the topics of several cameras."""
    topics = {"image_topics": [f"{name}/image" for name in cameras]} if cameras else {}
    return {**topics, **parameters}


def rig_of(process: TrackerProcess, cameras: Sequence[str], **parameters: Any) -> TrackerRig:
    compressed = parameters.get("image_transport") == "compressed"
    return TrackerRig(process, process.namespace, cameras, compressed=compressed)


@pytest.fixture
def launch_tracker(tmp_path: Path) -> Iterator[Callable[..., TrackerRig]]:
    """Start nodes: for tests that end them, or of what a node reads when it starts."""
    with contextlib.ExitStack() as stack:

        def launch(
            *, active: bool = True, cameras: Sequence[str] = (), **parameters: Any
        ) -> TrackerRig:
            namespace = f"/test_{time.monotonic_ns()}"
            given = {**PARAMETERS, **parameters_with(cameras, parameters)}
            named = {name.format(namespace=namespace): value for name, value in given.items()}
            process = TrackerProcess(tmp_path / "node.log", namespace, named)
            stack.enter_context(process)
            tracker = stack.enter_context(rig_of(process, cameras, **parameters))
            tracker.connect(active=active)
            return tracker

        yield launch


@pytest.fixture(scope="session")
def shared_tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerRig]:
    """One node with default parameters for all tests: starting it takes seconds."""
    log = tmp_path_factory.mktemp("node") / "node.log"
    process = TrackerProcess(log, f"/test_{time.monotonic_ns()}", PARAMETERS)
    with process, rig_of(process, ()) as tracker:
        tracker.connect()
        yield tracker


@pytest.fixture(scope="session")
def configuration(shared_tracker: TrackerRig) -> Configuration:
    """The parameters of the shared node."""
    return Configuration(shared_tracker.camera)


@pytest.fixture
def tracker(shared_tracker: TrackerRig, configuration: Configuration) -> TrackerRig:
    """The shared node, with default parameters, following nothing."""
    configuration.use()
    shared_tracker.connect()
    shared_tracker.forget()
    shared_tracker.stamps_from(next(STAMPS))
    return shared_tracker


@pytest.fixture
def reconfigure(
    shared_tracker: TrackerRig, configuration: Configuration
) -> Iterator[Callable[..., TrackerRig]]:
    """Give the shared node other parameters for the time of a test, and a robot that fits."""
    with contextlib.ExitStack() as stack:

        def change(
            *, active: bool = True, cameras: Sequence[str] = (), **parameters: Any
        ) -> TrackerRig:
            process = shared_tracker.process
            # First, because the node logs that nothing publishes its topics.
            tracker = stack.enter_context(rig_of(process, cameras, **parameters))
            configuration.use(active=active, **parameters_with(cameras, parameters))
            tracker.connect(active=active)
            tracker.stamps_from(next(STAMPS))
            return tracker

        yield change
