"""What tests of several rooms share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of test/faults."""
    group = parser.getgroup("faults", "siamdw_ros: faults and soak")
    group.addoption("--fault-times", type=int, help="how often each fault is tried")
    group.addoption(
        "--fault-messages", type=int, default=750, help="made-up messages of each kind"
    )
    group.addoption("--fault-results", type=Path, help="folder to write what happened to")


@pytest.fixture(scope="session")
def ros_domain() -> Iterator[None]:
    """Give this run a ROS domain of its own, which the processes it starts inherit."""
    import rclpy

    from siamdw_ros.evaluation.playback import isolate

    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    isolate()
    rclpy.init()
    yield
    rclpy.try_shutdown()
