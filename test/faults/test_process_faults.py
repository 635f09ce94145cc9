"""Processes that die, freeze or do not listen: the node's own, and those around it."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from rclpy.node import Node
from rig import START, LaunchRig, Rig, Trials
from vision_msgs.msg import Detection2DArray

from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK, bundled_checkpoint

pytestmark = pytest.mark.ros

LISTENER = """
import rclpy, sys
from siamdw_msgs.msg import TrackerStatus
from vision_msgs.msg import Detection2DArray
rclpy.init()
node = rclpy.create_node("listener", namespace=sys.argv[1])
node.create_subscription(TrackerStatus, "siamdw_tracker/status", print, 10)
node.create_subscription(Detection2DArray, "siamdw_tracker/detections", print, 10)
rclpy.spin(node)
"""
CALLER = """
import rclpy, sys
from siamdw_msgs.srv import StartTracking
rclpy.init()
node = rclpy.create_node("caller", namespace=sys.argv[1])
client = node.create_client(StartTracking, "siamdw_tracker/start_tracking")
client.wait_for_service()
print("ready", flush=True)
while True:
    client.call_async(StartTracking.Request(target_id="of nobody"))
    rclpy.spin_once(node, timeout_sec=0.01)
"""


@contextlib.contextmanager
def script(text: str, rig: Rig) -> Iterator[subprocess.Popen]:
    """Run a script as a process, in the rig's namespace, and kill it at the end."""
    command = [sys.executable, "-c", text, rig.robot.node.get_namespace()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_node_that_is_killed_and_started_again(launch_rig: LaunchRig, trials: Trials) -> None:
    with launch_rig() as rig, rig.camera():
        for trial in trials("node killed (SIGKILL) and started again, from the start of Python"):
            rig.follow()
            rig.tracker.kill()
            rig.tracker.restart()
            trial.recovered(rig.robot.recovery())
            rig.follow()


@pytest.mark.slow
def test_a_node_that_is_killed_and_respawns(launch_rig: LaunchRig, trials: Trials) -> None:
    with launch_rig(respawn=True) as rig, rig.camera():
        for trial in trials("node killed (SIGKILL) that respawns, from its death"):
            rig.follow()
            rig.tracker.kill_node()
            trial.recovered(rig.robot.recovery())
            rig.follow()


def test_a_node_that_is_frozen_and_thawed(rig: Rig, trials: Trials) -> None:
    for trial in trials("node's process frozen for two seconds (SIGSTOP, SIGCONT)"):
        with rig.camera():
            rig.follow()
            rig.tracker.process.send_signal(signal.SIGSTOP)
            threading.Event().wait(2.0)  # the fault itself
            rig.tracker.process.send_signal(signal.SIGCONT)
            rig.survived(trial)


@pytest.mark.slow
def test_the_death_of_one_of_two_nodes(rig: Rig, launch_rig: LaunchRig, trials: Trials) -> None:
    with launch_rig() as other, rig.camera(), other.camera():
        for trial in trials("two nodes in two namespaces, one killed: the other one"):
            rig.follow()
            other.follow()
            other.tracker.kill()
            rig.survived(trial)
            other.tracker.restart()


def test_a_listener_that_does_not_read(rig: Rig, trials: Trials) -> None:
    for trial in trials("a reliable listener frozen for three seconds, then killed"):
        with rig.camera(), script(LISTENER, rig) as listener:
            rig.follow()
            rig.wait(lambda: rig.robot.node.count_subscribers(rig.topic("status")) > 1, "it")
            images = images_while_frozen(rig, listener)
            trial.counts = {"images processed meanwhile": images}
            assert images >= 2
            listener.kill()
            rig.survived(trial)


def images_while_frozen(rig: Rig, listener: subprocess.Popen) -> int:
    """Freeze a listener for three seconds; return how many images the node processed meanwhile.

    Fast DDS waits a second with each message to a process that was frozen while it held a lock of
    its shared memory (docs/reliability.md). Then it is thawed, and frozen at another moment.
    """
    for _ in range(3):
        before = rig.robot.statuses[-1].message.processed
        listener.send_signal(signal.SIGSTOP)
        threading.Event().wait(3.0)  # the fault itself
        images = int(rig.robot.statuses[-1].message.processed - before)
        if images >= 2:
            break
        listener.send_signal(signal.SIGCONT)
        rig.follow()
    return images


def test_a_subscription_that_nobody_takes_from(rig: Rig, trials: Trials) -> None:
    idle = Node("idle")  # in no executor
    for trial in trials("a subscription that is never read from"):
        subscription = idle.create_subscription(
            Detection2DArray, rig.topic("detections"), print, 10
        )
        with rig.camera():
            rig.follow()
            rig.survived(trial)
        idle.destroy_subscription(subscription)
    idle.destroy_node()


def test_a_caller_that_dies_while_it_waits(rig: Rig, trials: Trials) -> None:
    for trial in trials("a client killed among its calls, 100 per second"):
        with rig.camera(), script(CALLER, rig) as caller:
            rig.follow()
            assert caller.stdout.readline() == b"ready\n"
            threading.Event().wait(0.5)  # some fifty calls
            caller.kill()
            rig.survived(trial)


@pytest.mark.slow
def test_a_checkpoint_that_is_no_good(
    launch_rig: LaunchRig, trials: Trials, tmp_path: Path
) -> None:
    good = Path(bundled_checkpoint(DEFAULT_NETWORK)).read_bytes()
    bad = {"missing": None, "cut off": good[:100_000], "of noise": bytes(range(256)) * 100}
    checkpoint = tmp_path / "network.pt"
    with launch_rig(checkpoint=checkpoint, autostart=False) as rig, rig.camera():
        for what, contents in bad.items():
            for trial in trials(f"network file {what}, later put right"):
                rig.robot.bring_to("unconfigured")
                checkpoint.unlink(missing_ok=True)
                if contents is not None:
                    checkpoint.write_bytes(contents)
                assert rig.robot.change_state(Transition.TRANSITION_CONFIGURE) == "unconfigured"
                answer = rig.robot.start(START)
                assert not answer.success
                assert "network.pt" in answer.message
                checkpoint.write_bytes(good)
                rig.robot.bring_to("active")
                rig.follow()
                rig.survived(trial)
