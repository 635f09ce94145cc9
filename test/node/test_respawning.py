"""A node that respawns: it comes back, it ends on a signal, and no process outlives it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from siamdw_ros.evaluation.node_client import Client
from siamdw_ros.evaluation.node_process import TrackerProcess

pytestmark = pytest.mark.ros

NAMESPACE = f"/respawning_{os.getpid()}"

Respawning = Callable[..., TrackerProcess]


@pytest.fixture
def respawning(tmp_path: Path) -> Iterator[Respawning]:
    """Start a node that respawns."""
    with contextlib.ExitStack() as stack:

        def start(**parameters: Any) -> TrackerProcess:
            given = {"device": "cpu", "threads": 1, "backend": "torch", **parameters}
            return stack.enter_context(
                TrackerProcess(tmp_path / "log", NAMESPACE, given, respawn=True)
            )

        yield start


@pytest.fixture
def client(ros_domain: None) -> Iterator[Client]:
    """One that asks the node."""
    with Client(NAMESPACE) as client:
        yield client


def runs(process: int) -> bool:
    """Whether there is such a process."""
    return process > 0 and Path(f"/proc/{process}").exists()


def test_a_node_that_dies_comes_back_and_none_outlives_its_keeper(
    respawning: Respawning, client: Client
) -> None:
    tracker = respawning()
    client.wait(lambda: tracker.node_id, "a node")
    first = tracker.node_id
    # A fork copies one thread only, and whatever the others hold stays held.
    assert len(list(Path(f"/proc/{tracker.process.pid}/task").iterdir())) == 1
    client.wait_until_active()

    tracker.kill_node()
    client.wait(lambda: tracker.node_id not in (0, first), "another node")
    client.wait_until_active()
    second = tracker.node_id
    assert "ended by signal 9 and is started again" in tracker.output()

    tracker.kill()
    client.wait(lambda: not runs(second), "the node's end after its keeper's")


def run_script(script: str) -> tuple[int, str, str]:
    """Run a script in a process of its own; return its exit code and what it printed."""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout, ended.stderr


SIGNAL_BEFORE_THE_FORK = """
import os, signal
from siamdw_ros.node.process import respawning
block = signal.pthread_sigmask
def interrupt_first(how, signals):
    if how == signal.SIG_BLOCK:
        os.kill(os.getpid(), signal.SIGTERM)
    return block(how, signals)
signal.pthread_sigmask = interrupt_first
respawning._import_torch = lambda: None
respawning.fork_nodes()
print("a node")
"""


def test_a_signal_just_before_the_fork_starts_no_node() -> None:
    assert run_script(SIGNAL_BEFORE_THE_FORK) == (0, "", "")


INTERRUPT_AFTER_THE_FORK = """
import os, signal
from siamdw_ros.node.process import respawning
begin = respawning._begin
def interrupt_first(*arguments):
    os.kill(os.getpid(), signal.SIGINT)
    begin(*arguments)
respawning._begin = interrupt_first
respawning._import_torch = lambda: None
respawning.main()
print("a node")
"""


def test_an_interrupt_that_reaches_the_child_just_after_the_fork_ends_it_cleanly() -> None:
    assert run_script(INTERRUPT_AFTER_THE_FORK) == (0, "", "")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_it_ends_on_a_signal(
    number: signal.Signals, respawning: Respawning, client: Client
) -> None:
    tracker = respawning(autostart=False)
    client.wait(client.lifecycle_state, "the node")
    node = tracker.node_id
    tracker.process.send_signal(number)
    assert tracker.process.wait(30.0) == 0, tracker.output()
    assert not runs(node)
    assert "Traceback" not in tracker.output()
    assert "started again" not in tracker.output()


def test_a_node_that_cannot_start_is_tried_again_with_patience(
    respawning: Respawning, client: Client
) -> None:
    tracker = respawning(threads=-5)
    again = "ended with exit code 1 and is started again"
    client.wait(lambda: tracker.output().count(again) == 3, "three attempts")
    assert tracker.alive
    # 1: of the last node; 0: the interrupt met one that was just starting, and ended it cleanly.
    assert tracker.interrupt() in (0, 1)
    assert "Traceback" not in tracker.output()
