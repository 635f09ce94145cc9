"""Runs a module as `python -m` does; the process is killed when its parent ends.

    python -m siamdw_ros.node.process.with_parent PARENT MODULE ARGUMENTS...

Without it, a test run or a tool that is killed leaves its nodes and cameras behind, and the next
run finds them in the ROS graph.
"""

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # option of prctl(2)


def module_command(module: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return the command that runs a module for as long as this process lives."""
    return [sys.executable, "-m", __name__, str(os.getpid()), module, *arguments]


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends.

    Args:
        parent: Process id that the parent had when it started this process.

    Raises:
        SystemExit: The parent has ended already.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """Run the module that the command line names."""
    parent, module = sys.argv[1:3]
    die_with_parent(int(parent))
    del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
