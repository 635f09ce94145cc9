"""Ctrl-C and SIGTERM end every node cleanly at any moment, and --help prints help."""

import signal
import subprocess
import sys
import threading

import pytest

from siamdw_ros.node.process.with_parent import module_command

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("ros_domain")]

INT = signal.SIGINT
TERM = signal.SIGTERM
TRACKER = "siamdw_ros.node"
OTHERS = ["following.target_pose", "following.follower", "mavlink", "panel", "simulation"]
MODULES = [TRACKER, "siamdw_ros.node.tracker_node"]
DECLARING = "rclpy.node:Node.declare_parameter"
# (module, import or call in which the signal comes, signal)
MOMENTS = [
    (TRACKER, "rclpy", TERM),
    (TRACKER, "rclpy", INT),
    (MODULES[1], "rclpy", INT),
    (TRACKER, "rclpy:init", TERM),
    (TRACKER, "rclpy.node:Node.create_service", TERM),
    (TRACKER, DECLARING, INT),
    (TRACKER, "siamdw_ros.ros.node_parameters:descriptor", TERM),  # of its first own parameter
    (TRACKER, "rclpy.node:Node.create_timer", TERM),
    (TRACKER, "siamdw_ros.node.engine:Loader.check_deadline", INT),
    (TRACKER, "siamdw_ros.node.camera_input:CameraInput.subscribe", TERM),
    ("siamdw_ros.node.process.respawning", "siamdw_ros.node.tracker_node", TERM),
    *((f"siamdw_ros.{node}", "rclpy", INT) for node in OTHERS),
    *((f"siamdw_ros.{node}", DECLARING, TERM) for node in OTHERS),
]

# Signals the process in an import or in the first call of something. Where rclpy handles signals,
# it goes on when the context has been shut down.
SIGNALLED = """
import importlib, os, runpy, signal, sys, threading
module, moment, number = sys.argv[1:]
values = "port:=0", "connection:=udpin:127.0.0.1:0", "threads:=1", "device:=cpu", "backend:=torch"
sys.argv = [module, "--ros-args", *(part for value in values for part in ("-p", value))]
place, _, name = moment.partition(":")
first = os.getpid()

def interrupt():
    print("now", flush=True)
    os.kill(first, int(number))
    if first != os.getpid():  # a child process, to which it is passed on
        threading.Event().wait(60)
    import rclpy, rclpy.signals
    while rclpy.signals.get_current_signal_handlers_options().name != "NO" and rclpy.ok():
        pass

class AtImport:
    @staticmethod
    def find_spec(name, *_):
        if name == place:
            sys.meta_path.remove(AtImport)
            interrupt()

if name:
    *outer, last = name.split(".")
    owner = importlib.import_module(place)
    for part in outer:
        owner = getattr(owner, part)
    called = getattr(owner, last)
    def replaced(*arguments, **named):
        setattr(owner, last, called)
        interrupt()
        return called(*arguments, **named)
    setattr(owner, last, replaced)
else:
    sys.meta_path.insert(0, AtImport)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(("module", "moment", "number"), MOMENTS)
def test_a_signal_ends_a_node_cleanly_whatever_it_is_doing(
    module: str, moment: str, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", SIGNALLED, module, moment, str(int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    printed = ended.stdout + ended.stderr
    assert ended.returncode == 0, printed
    assert "now" in printed, "the signal was not sent"
    assert "Traceback" not in printed
    assert "rror" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("number", [INT, TERM])
@pytest.mark.parametrize("module", [TRACKER, *(f"siamdw_ros.{node}" for node in OTHERS)])
def test_a_signal_ends_a_node_cleanly_some_time_after_its_start(
    module: str, number: signal.Signals
) -> None:
    for tenths in range(1, 31, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", BEGUN, module, "--ros-args", "-p", "port:=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        threading.Event().wait(tenths / 10)  # the moment of the signal is what is tried
        process.send_signal(number)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0, f"after {tenths / 10} s: {printed}"
        assert "Traceback" not in printed
        assert "rror" not in printed


# Before its handlers are set, Python's own ones end a process.
BEGUN = """
import runpy, sys
from siamdw_ros.ros import signals
before = signals.end_at_signals
def begin():
    before()
    print("begun", flush=True)
signals.end_at_signals = begin
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
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
