"""Ctrl-C ends the node cleanly at any moment, and --help prints help."""

import signal
import subprocess
import sys
import threading

import pytest

NODE = [sys.executable, "-m", "siamdw_ros.node"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.2, 0.5, 0.9, 1.4, 2.5])
def test_an_interrupt_while_the_node_starts_ends_it_cleanly(
    delay: float, number: signal.Signals
) -> None:
    """From Python's first line of ours on: before that, nobody has set a handler."""
    process = subprocess.Popen(
        [sys.executable, "-c", MARK], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    threading.Event().wait(delay)  # the moment of the interrupt is what is tried
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "rror" not in said


MARK = """
from siamdw_ros.node.__main__ import main
import siamdw_ros.node.__main__ as start, signal
before = signal.signal
def mark(number, handler):
    result = before(number, handler)
    if number == signal.SIGTERM and handler is start._end:
        print("begun", flush=True)
    return result
start.signal.signal = mark
main()
"""


def test_help_is_printed_and_no_node_started() -> None:
    for option in ("-h", "--help"):
        said = subprocess.run([*NODE, option], capture_output=True, text=True, timeout=60)
        assert said.returncode == 0
        assert "~/start_tracking" in said.stdout
        assert said.stderr == ""


def test_a_wrong_value_at_the_start_is_one_line() -> None:
    arguments = ["--ros-args", "-p", "max_targets:=many"]
    said = subprocess.run([*NODE, *arguments], capture_output=True, text=True, timeout=120)
    assert said.returncode == 1
    assert "max_targets needs an integer, not 'many'" in said.stderr
    assert "Traceback" not in said.stderr
