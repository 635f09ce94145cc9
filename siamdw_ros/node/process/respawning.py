"""Keeps a tracker node running: one that dies is followed by another at once.

A node spends most of its start on importing torch. This process imports it once and forks: the
first node answers later by as much, every other one is back in half the time, and they share that
memory. `ros2 launch siamdw_ros tracker.launch.py respawn:=true` starts it.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

SIGNALS = {signal.SIGINT, signal.SIGTERM}
PERIOD = 1.0  # seconds between two starts at least: a node that cannot start takes no whole core
PR_SET_PDEATHSIG = 1  # of prctl(2)


def main() -> None:
    """Run the node until it is interrupted or ends without an error."""
    become_a_node()
    from siamdw_ros.node import tracker_node  # not before a fork: rclpy starts threads

    tracker_node.main()


def become_a_node() -> None:
    """Return in each process that is to be a node; stay in this one until a node ends well.

    SIGINT and SIGTERM are passed on to the node. It is killed when this process is.

    Raises:
        SystemExit: in this process, with the last node's exit code.
    """
    keeper, node, told_to_end = os.getpid(), 0, False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal told_to_end
        told_to_end = True
        if node:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(node, number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    _import_what_takes_long()
    code = 0
    while not told_to_end:
        started = time.monotonic()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until it is known whom to pass them on
        node = os.fork()
        if not node:
            _begin(keeper, before)
            return
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        _, status = os.waitpid(node, 0)
        node, code = 0, os.waitstatus_to_exitcode(status)
        if code == 0:
            break
        if not told_to_end:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            print(f"the tracker node ended {how} and is started again", file=sys.stderr)
            time.sleep(max(0.0, started + PERIOD - time.monotonic()))
    sys.exit(code if code >= 0 else 128 - code)  # as shells do


def _import_what_takes_long() -> None:
    """Import torch and what the node does with it, and start no thread: a fork copies only one."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import torch

    from siamdw_ros.siamdw import tracker  # noqa: F401
    from siamdw_ros.siamdw.backends import choose_backend

    choose_backend("auto", torch.device("cpu"))  # imports OpenVINO, where it is installed


def _begin(keeper: int, handlers: Mapping[signal.Signals, Any]) -> None:
    """Begin as a process to which signals come once, and which does not outlive its keeper."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        sys.exit(1)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


if __name__ == "__main__":
    main()
