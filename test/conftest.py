"""Fixtures that tests of several parts share."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from isolation import left_unchanged, restored_environment

# Importing launch makes each later logger one of its own class, which does not propagate: pytest
# would see nothing of what the package logs.
logging.setLoggerClass(logging.Logger)

MAX_BYTES_IN_NAME = 40
SHARED_PROCESSES = {"shared_tracker", "shared_rig"}  # fixtures: a node for all tests of a folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of test/faults."""
    group = parser.getgroup("faults", "siamdw_ros: faults and soak")
    group.addoption("--fault-times", type=int, help="how often each fault is tried")
    group.addoption(
        "--fault-messages", type=int, default=750, help="made-up messages of each kind"
    )
    group.addoption("--fault-results", type=Path, help="folder to write what happened to")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: pytest would write all of them into the test's name."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) and len(val) > MAX_BYTES_IN_NAME else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests that measure time are chosen, import no other file: it takes 10 s."""
    if config.option.markexpr.startswith("timing") and collection_path.suffix == ".py":
        return "mark.timing" not in collection_path.read_text() or None
    return None


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers: run tests that share a process in one worker, and these first.

    Then come the other tests that start nodes. The short ones are the last, so that no worker is
    left alone with a long one.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    fixtures = {item: set(getattr(item, "fixturenames", ())) for item in items}
    shared = {item: SHARED_PROCESSES & fixtures[item] for item in items}
    items.sort(key=lambda item: (not shared[item], "ros_domain" not in fixtures[item]))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(min(shared[item], default=str(item.path))))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Check the tests that pytest runs without fixtures, such as launch_testing's."""
    if hasattr(item, "fixturenames"):
        return (yield)
    with left_unchanged(item.nodeid):
        return (yield)


@pytest.fixture(autouse=True)
def _left_unchanged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check each test, with the fixtures that are its own."""
    with left_unchanged(request.node.nodeid):
        yield


@pytest.fixture(scope="session")
def ros_domain() -> Iterator[None]:
    """Give this run a ROS domain of its own, which the processes it starts inherit."""
    import rclpy

    from siamdw_ros.evaluation.node_process import isolate

    with restored_environment():
        os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
        isolate()
        rclpy.init()
        yield
        rclpy.try_shutdown()
