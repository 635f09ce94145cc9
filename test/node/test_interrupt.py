"""Ctrl-C ends the node cleanly at any moment, and --help prints help."""

import signal
import subprocess
import sys
import threading

import pytest

from siamdw_ros.node.process.with_parent import module_command

SIGNALS = [signal.SIGINT, signal.SIGTERM]


MODULES = ["siamdw_ros.node", "siamdw_ros.node.tracker_node"]
MOMENTS = [
    *((MODULES[0], number, delay) for delay in (0.2, 0.5, 0.9, 1.4, 2.5) for number in SIGNALS),
    *((MODULES[1], SIGNALS[0], delay) for delay in (0.1, 0.4)),
]


@pytest.mark.parametrize(("module", "number", "delay"), MOMENTS)
def test_an_interrupt_while_the_node_starts_ends_it_cleanly(
    module: str, number: signal.Signals, delay: float
) -> None:
    """From Python's first line of ours on: before that, no handler is set."""
    process = subprocess.Popen(
        [sys.executable, "-c", MARK, module],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    threading.Event().wait(delay)  # the moment of the interrupt is what is tried
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    assert "rror" not in printed


MARK = """
import runpy, signal, sys
before = signal.signal
def mark(number, handler):
    result = before(number, handler)
    if number == signal.SIGTERM and getattr(handler, "__name__", "") == "_end":
        print("begun", flush=True)
    return result
signal.signal = mark
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("module", MODULES)
def test_help_is_printed_and_no_node_started(module: str) -> None:
    for option in ("-h", "--help"):
        command = [sys.executable, "-m", module, option]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0
        assert "~/start_tracking" in ended.stdout
        assert ended.stderr == ""


def test_a_wrong_value_at_the_start_is_one_line() -> None:
    command = module_command(MODULES[0], ["--ros-args", "-p", "max_targets:=many"])
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert "max_targets needs an integer, not 'many'" in ended.stderr
    assert "Traceback" not in ended.stderr
