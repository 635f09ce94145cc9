"""What cameras do wrong: the node answers meanwhile, and goes on when they come back."""

import contextlib
import operator
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ledger import check_counts
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rig import CLIP, START, LaunchRig, Rig, Trials
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.node.decoding import image_message

pytestmark = pytest.mark.ros


@contextlib.contextmanager
def camera_process(
    rig: Rig, clip: Path = CLIP, rate: float = 10.0, name: str = ""
) -> Iterator[subprocess.Popen]:
    """A camera that is a process of its own and shows the clip's first frame.

    Its topic is `image`, or `NAME/image`.
    """
    arguments = [str(clip), "--paused", "--topic", "image", "--rate", str(rate)]
    names = ["--ros-args", "-r", f"__ns:={rig.robot.node.get_namespace()}"]
    remapping = ["-r", f"image:={name}/image", "-r", f"__node:={name}_camera"] if name else []
    player = [*arguments, *names, *remapping]
    with ModuleProcess("siamdw_ros.tools.play_clip", player) as camera:
        yield camera.process
        camera.kill()


def test_a_camera_that_is_killed_and_started_again(rig: Rig, trials: Trials) -> None:
    for trial in trials("camera's process killed (SIGKILL) and started again"):
        with camera_process(rig) as camera:
            rig.follow()
            camera.send_signal(signal.SIGKILL)
        killed = rig.robot.now()
        with camera_process(rig), rig.eyes() as seen:
            # It takes seconds to start; the fault ends with the first image that is sent.
            rig.wait(lambda: seen, "the first image of the new camera")
            rig.survived(trial, partial(operator.lt, killed))


def test_a_camera_that_stops_and_returns(rig: Rig, trials: Trials) -> None:
    for trial in trials("camera stops for a second and returns"):
        with rig.camera():
            rig.follow()
        threading.Event().wait(1.0)  # the fault itself
        assert rig.robot.stop("nobody", 5.0).success is False
        with rig.camera():
            rig.survived(trial)


@pytest.mark.timing
def test_a_camera_twice_as_fast_as_the_tracker(rig: Rig, trials: Trials) -> None:
    for trial in trials("overload: VGA at 60 Hz for three seconds"):
        with camera_process(rig, rate=60.0):
            rig.follow()
            ages = ages_under_load(rig, rig.robot)
        trial.counts = {"images": len(ages), "worst age ms": round(max(ages))}
        with rig.camera():
            rig.survived(trial)


@pytest.mark.timing
def test_a_camera_with_large_images_too_fast(
    rig: Rig, trials: Trials, picture: np.ndarray, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "large.png"), cv2.resize(picture, (1920, 1440)))
    for trial in trials("overload: 1920x1440 at 30 Hz for three seconds"):
        with rig.camera():
            rig.follow()
        with camera_process(rig, tmp_path, rate=30.0):
            ages = ages_under_load(rig, rig.robot)
        trial.counts = {"images": len(ages), "worst age ms": round(max(ages))}
        with rig.camera():
            rig.follow()
            rig.survived(trial)


@pytest.mark.timing
def test_two_cameras_with_eight_targets(rig: Rig, trials: Trials) -> None:
    with rig.configured(image_topics=["left/image", "right/image"]), ExitStack() as others:
        namespace = rig.robot.node.get_namespace()
        robots = [
            others.enter_context(Robot(namespace, camera=name)) for name in ("left", "right")
        ]
        for trial in trials("two cameras, VGA at 30 Hz, four targets each, for six seconds"):
            with ExitStack() as cameras:
                for robot in robots:
                    cameras.enter_context(camera_process(rig, rate=30.0, name=robot.camera))
                    follow_four(rig, robot)
                ages = [age for robot in robots for age in ages_under_load(rig, robot)]
                trial.counts = {"images": len(ages), "worst age ms": round(max(ages))}
                trial.recovered(robots[0].recovery())
                trial.kept = all(robot.follows(f"{robot.camera} 0") for robot in robots)
                assert trial.kept, "a target was lost"
                for robot in robots:
                    check_counts(robot)
        assert "Traceback" not in rig.tracker.output()


def follow_four(rig: Rig, robot: Robot) -> None:
    """Follow the target of one camera, and three parts of it."""
    x, y, w, h = START
    for number, box in enumerate([START, *((x, y + i * h / 3, w, h / 3) for i in range(3))]):
        started = partial(robot.start, box, f"{robot.camera} {number}")
        rig.wait(lambda started=started: started().success, "a target to be started")


def ages_under_load(rig: Rig, robot: Robot, seconds: float = 3.0) -> list[float]:
    """Milliseconds from an image's stamp to its detections, over a while; they must not grow."""
    since = robot.now()

    def ages_since() -> list[float]:
        return [h.message.latency_ms for h in tuple(robot.statuses) if h.stamp > since]

    rig.wait(lambda: robot.now() - since > seconds * 1e9 and len(ages_since()) >= 4, "its images")
    ages = ages_since()
    early, late = np.median(ages[: len(ages) // 2]), np.median(ages[len(ages) // 2 :])
    assert late < 2 * early + 500, f"the age of what is processed grows: {ages}"
    return ages


def odd_images(picture: np.ndarray) -> list[Image]:
    """Valid images that are all unlike the one before."""
    small, gray = cv2.resize(picture, (320, 240)), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    odd = image_message(picture[:301, :203].copy())
    mono = Image(width=640, height=480, encoding="mono8", step=640, data=gray.tobytes())
    rgba = np.dstack([picture[..., ::-1], gray])
    four = Image(width=640, height=480, encoding="rgba8", step=2560, data=rgba.tobytes())
    tiny = Image(width=1, height=1, encoding="bgr8", step=3, data=b"abc")
    return [image_message(small), mono, odd, four, tiny]


def test_a_camera_that_changes_size_and_encoding(
    rig: Rig, trials: Trials, picture: np.ndarray
) -> None:
    for trial in trials("size and encoding change from image to image"):
        with rig.camera():
            rig.follow()
        for image in odd_images(picture):
            stamp = rig.robot.send(image)
            rig.wait(lambda s=stamp: rig.robot.statuses[-1].stamp >= s, "the odd image's status")
        with rig.camera():
            rig.follow()  # on 1 x 1 px there was nothing left to follow
            rig.survived(trial)


def broken_images(picture: np.ndarray) -> list[Image]:
    """Messages that are no images."""
    whole = image_message(picture)
    broken = [image_message(picture) for _ in range(7)]
    broken[0].data = whole.data[:1000]
    broken[1].data = whole.data[:0]
    broken[2].step = 0
    broken[3].height = 2**32 - 1
    broken[4].encoding = "16UC7\u0000\ufffd" * 100
    broken[5].width, broken[5].step = 2**31, 2**32 - 1
    broken[6].width = broken[6].height = 0
    return broken


def test_truncated_and_senseless_images(rig: Rig, trials: Trials, picture: np.ndarray) -> None:
    for trial in trials("truncated and senseless images between good ones"):
        with rig.camera():
            rig.follow()
        for image in broken_images(picture):
            rig.wait(partial(is_rejected, rig, image, image_message(picture)), "its rejection")
        with rig.camera():
            rig.survived(trial)


def is_rejected(rig: Rig, broken: Any, good: Any) -> bool:
    """Send an image that is none, then a good one: does the good one's status count the other?"""
    before = rig.robot.statuses[-1].message.rejected
    rig.robot.send(broken)
    rig.robot.stop("nobody")  # takes a moment; where it was too short, it is sent again
    stamp = rig.robot.send(good)
    rig.wait(lambda: rig.robot.statuses[-1].stamp >= stamp, "the good image's status")
    return rig.robot.statuses[-1].message.rejected > before


def test_a_clock_that_jumps(rig: Rig, trials: Trials) -> None:
    hour = 3600 * 10**9
    for trial in trials("stamps jump an hour back, an hour ahead and to zero"):
        with rig.camera() as camera:
            rig.follow()
            for jump in (-hour, hour):
                camera.stamp = lambda jump=jump: rig.robot.now() + jump
                now = rig.robot.now()
                rig.survived(trial, lambda s, low=now + jump: low <= s < low + hour // 2)
            camera.stamp = lambda: 0
            rig.survived(trial, lambda stamp: stamp == 0)
            camera.stamp = rig.robot.now
            rig.survived(trial)


def jpeg(picture: np.ndarray) -> CompressedImage:
    """A camera's compressed image."""
    return CompressedImage(format="jpeg", data=cv2.imencode(".jpg", picture)[1].tobytes())


def broken_jpegs(picture: np.ndarray) -> list[CompressedImage]:
    """Files that are none, or none any more."""
    whole = bytes(jpeg(picture).data)
    noise = np.random.default_rng(0).bytes(5000)
    middle = len(whole) // 2
    files = [b"", whole[:1000], whole[:middle], noise, whole[:200] + noise + whole[200:]]
    return [CompressedImage(format="jpeg", data=data) for data in files]


def test_corrupted_jpegs(rig: Rig, trials: Trials, picture: np.ndarray) -> None:
    with rig.configured(image_transport="compressed"):
        for trial in trials("corrupted and cut off JPEGs between good ones"):
            with rig.camera(message=jpeg(picture)):
                rig.follow()
            for image in broken_jpegs(picture):
                rig.wait(partial(is_rejected, rig, image, jpeg(picture)), "its rejection")
            with rig.camera(message=jpeg(picture)):
                rig.survived(trial)


@pytest.mark.slow
def test_a_camera_with_qos_that_does_not_fit(launch_rig: LaunchRig, trials: Trials) -> None:
    with launch_rig(reliable=True) as rig:
        for trial in trials("camera whose QoS does not fit, beside one whose does"):
            offered = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            unfit = rig.robot.node.create_publisher(Image, "image", offered)
            rig.wait(lambda: "does not fit" in rig.tracker.output(), "a word about it")
            unfit.publish(image_message(rig.picture))
            with rig.camera():
                rig.follow()
                rig.survived(trial)
            rig.robot.node.destroy_publisher(unfit)


def test_simulation_time_that_starts_over(rig: Rig, trials: Trials) -> None:
    clock = rig.robot.node.create_publisher(Clock, "/clock", 10)
    assert rig.robot.set_parameters({"use_sim_time": True})[0].successful
    for trial in trials("simulation time and stamps start over, as a bag in a loop"):
        with rig.camera() as camera:
            for begin in (1000, 10):
                started = rig.robot.now()

                def stamp(begin: int = begin, started: int = started) -> int:
                    now = begin * 10**9 + rig.robot.now() - started
                    clock.publish(Clock(clock=Time(nanoseconds=now).to_msg()))
                    return now

                camera.stamp = stamp
                rig.wait(lambda low=begin: newest(rig) // 10**9 - low in range(60), "its images")
                if begin == 1000:
                    rig.follow()
            rig.survived(trial, lambda at: at < 100 * 10**9)
    assert rig.robot.set_parameters({"use_sim_time": False})[0].successful
    rig.robot.node.destroy_publisher(clock)


def newest(rig: Rig) -> int:
    """Stamp of the image reported last."""
    return rig.robot.statuses[-1].stamp if rig.robot.statuses else 0
