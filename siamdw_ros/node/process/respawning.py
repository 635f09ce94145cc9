"""Restarts a tracker node that ends with an error.

A node spends most of its start on importing torch. This process imports it once and forks. The
first node answers later by that time; every later one is back in half the time, and they share
that memory. `ros2 launch siamdw_ros tracker.launch.py respawn:=true` starts it.
"""

import contextlib
import os
import signal
import sys
import time
from types import FrameType

from siamdw_ros.node.process.with_parent import die_with_parent
from siamdw_ros.ros.signals import SIGNALS, end_at_signals

PERIOD = 1.0  # least seconds between two starts, so that a node that cannot start takes no core


def main() -> None:
    """Run the node, and restart it, until it is interrupted or ends without an error."""
    fork_nodes()
    from siamdw_ros.node import tracker_node  # not before a fork: rclpy starts threads

    tracker_node.main()


def fork_nodes() -> None:
    """Fork a child process for the node, and another one whenever a node ends with an error.

    The function returns in the child processes only, each of which becomes a node. This process
    passes SIGINT and SIGTERM on to the node. The node is killed when this process is.

    Raises:
        SystemExit: In this process, with the last node's exit code.
    """
    parent = os.getpid()
    node = 0
    ending = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        if node:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(node, number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    _import_torch()
    code = 0
    while not ending:
        started = time.monotonic()
        # Blocked until the node's id is known: a signal in between would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if ending:  # by a signal since the loop's condition
            break
        node = os.fork()
        if not node:
            _begin(parent)
            return
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        _, status = os.waitpid(node, 0)
        node = 0
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            break
        if not ending:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            print(f"the tracker node ended {how} and is started again", file=sys.stderr)
            time.sleep(max(0.0, started + PERIOD - time.monotonic()))
    sys.exit(code if code >= 0 else 128 - code)  # as shells do


def _import_torch() -> None:
    """Import torch and what the node needs of it. Start no thread: a fork copies only one."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import torch

    from siamdw_ros.siamdw import tracker  # noqa: F401
    from siamdw_ros.siamdw.backends import choose_backend

    choose_backend("auto", torch.device("cpu"))  # imports OpenVINO, where it is installed


def _begin(parent: int) -> None:
    """Set up a child process: its own process group, its signal handlers, its end.

    Args:
        parent: Process id of the parent; the child is killed when it ends.
    """
    os.setpgid(0, 0)  # a Ctrl-C of the terminal reaches the parent only, which passes it on once
    die_with_parent(parent)
    end_at_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


if __name__ == "__main__":
    main()
