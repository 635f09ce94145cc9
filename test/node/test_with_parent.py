"""A process that a test or a tool starts does not outlive it, also where that is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PARENT = """
import subprocess, sys
from siamdw_ros.node.process.with_parent import module_command
command = module_command("http.server", ["0", "--bind", "127.0.0.1"])
child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


def runs(process: int) -> bool:
    """Whether a process exists and has not ended."""
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_module_ends_when_its_parent_is_killed() -> None:
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=pipe, stdout=pipe, env=environment
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert runs(child)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    end, tick = time.monotonic() + 30, threading.Event()
    while runs(child):
        assert time.monotonic() < end, "the child outlives its parent"
        tick.wait(0.01)


def test_a_module_whose_parent_has_ended_already_does_not_start() -> None:
    command = [sys.executable, "-m", "siamdw_ros.node.process.with_parent", "1", "this"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")
