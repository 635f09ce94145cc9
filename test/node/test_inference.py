"""The inference thread, where a process cannot be brought to fail."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rclpy.logging import get_logger
from rclpy.utilities import get_default_context
from sensor_msgs.msg import CompressedImage
from siamdw_msgs.srv import StartTracking, StopTracking
from tracker_rig import START
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

from siamdw_ros.node import redetection
from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, compressed, image_message
from siamdw_ros.node.engine import Engine
from siamdw_ros.node.frame_buffer import Frame, FrameBuffer
from siamdw_ros.node.inference import InferenceThread
from siamdw_ros.node.metrics import ProcessStats
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.services import PendingCall
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.multi_tracker import MultiTracker
from siamdw_ros.siamdw.presence import State

SETTINGS = Settings(device="cpu", backend="torch")  # which compiles nothing

NODE = SimpleNamespace(get_logger=lambda: get_logger("test"), context=get_default_context())


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Load the network once."""
    return Engine(SETTINGS)


class Harness:
    """A running thread, and what it published; some frames may wait for it already."""

    def __init__(self, engine: Engine, *waiting: Frame) -> None:
        self.buffer = FrameBuffer({"front": "/front", "rear": "/rear"}, seconds=2.0, max_bytes=1e9)
        for frame in waiting:
            self.buffer.put_frame(frame)
        self.published: list[FrameResult] = []
        self.shown: list[int] = []  # for each, how many were published before
        self.progress = {"front": ProcessStats(), "rear": ProcessStats()}
        self.settings = SETTINGS
        self.thread = InferenceThread(
            engine,
            self.buffer,
            lambda: self.settings,
            {
                camera: SimpleNamespace(
                    processed=stats,
                    publish=self.published.append,
                    show=lambda _: self.shown.append(len(self.published)),
                )
                for camera, stats in self.progress.items()
            },
            ThrottledLog(NODE),
        )
        self.thread.start()

    def ask(self, asked: StartTracking.Request | StopTracking.Request) -> object:
        """Put a request and wait for its answer."""
        answered = threading.Event()
        request = PendingCall(asked, lambda _: answered.set(), deadline=float("inf"))
        self.buffer.put_call(request)
        assert answered.wait(60)
        return request.future.result()

    def end(self) -> None:
        """Wait until the thread has done its work."""
        self.buffer.close()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def show(self, picture: np.ndarray, camera: str = "front") -> None:
        """Put a frame and wait until the thread is done with it."""
        self.buffer.put_frame(Frame(camera, image_message(picture), time.monotonic()))
        self.wait()

    def wait_for_results(self, count: int) -> None:
        """Wait until so many frames were published."""
        end = time.monotonic() + 60
        while len(self.published) < count:
            assert time.monotonic() < end
            time.sleep(0.001)

    def wait(self) -> None:
        """Wait for the turn after the next: what was put before is done and published then."""
        for _ in range(2):
            assert not self.ask(StopTracking.Request(target_id="nobody")).success


@pytest.fixture
def harness(engine: Engine) -> Iterator[Harness]:
    """Start a thread, and end it."""
    running = Harness(engine)
    yield running
    running.end()


def start_request(frame_id: str = "front") -> StartTracking.Request:
    request = StartTracking.Request(bbox=box_to_message(START))
    request.header.frame_id = frame_id
    return request


def test_a_search_that_fails_publishes_no_box_of_an_earlier_frame(
    harness: Harness, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.show(frames[0])
    assert harness.ask(start_request()).success
    harness.show(frames[1])
    published = len(harness.published)
    with monkeypatch.context() as patch:

        def fail(*_arguments: object) -> None:
            raise RuntimeError("CUDA out of memory")

        patch.setattr(MultiTracker, "update_many", fail)
        harness.show(frames[2])
        assert len(harness.published) == published
        assert harness.progress["front"].failed == 1
    harness.show(frames[3])  # and the thread goes on
    assert len(harness.published) == published + 1


def test_an_image_that_cannot_be_decoded_is_counted_and_left_out(
    harness: Harness, frames: list[np.ndarray]
) -> None:
    harness.show(frames[0])
    assert harness.ask(start_request()).success
    published = len(harness.published)
    damaged = CompressedImage(data=cv2.imencode(".png", frames[1])[1].tobytes()[:5000])
    assert compressed.check(damaged) is None
    decoder = ImageDecoder(TRANSPORTS["compressed"])
    harness.buffer.put_frame(Frame("front", damaged, time.monotonic(), decoder))
    answer = harness.ask(start_request())
    assert not answer.success
    assert "cannot be decoded" in answer.message
    assert harness.progress["front"].rejected == 1
    harness.show(frames[2])
    assert len(harness.published) == published + 1


@pytest.mark.parametrize("helped", [False, True])
def test_a_detector_shows_where_a_lost_target_is(
    engine: Engine, frames: list[np.ndarray], helped: bool
) -> None:
    harness = Harness(engine)
    harness.settings = dataclasses.replace(SETTINGS, redetection_class="cup")
    small, blank = cv2.resize(frames[0], (240, 180)), np.full((720, 1280, 3), 90, np.uint8)
    here, there = blank.copy(), blank.copy()
    here[:180, :240], there[540:, 1040:] = small, small
    harness.show(here)
    request = start_request()
    box = tuple(value * 240 / 640 for value in START)
    request.bbox = box_to_message(box)
    assert harness.ask(request).success
    harness.show(blank)
    while harness.published[-1].targets[0].state is not State.LOST:
        harness.show(blank)
    harness.show(there)
    if helped:
        hypothesis = ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = "cup", 0.7
        about = (box[0] + 1044, box[1] + 535, *box[2:])
        seen = Detection2D(bbox=box_to_message(about), results=[hypothesis])
        harness.buffer.put_detections("front", Detection2DArray(detections=[seen]))
        harness.wait()
    harness.show(there)
    (target,) = harness.published[-1].targets
    assert target.state is (State.TRACKED if helped else State.LOST)
    if helped:
        assert target.box[:2] == pytest.approx((box[0] + 1040, box[1] + 540), abs=12)
    harness.end()


@pytest.mark.parametrize(("caught_up_by", "count"), [("a start", 2), ("a detector", 3)])
def test_a_target_that_catches_up_to_a_newer_frame_is_in_no_status_left_out(
    harness: Harness,
    frames: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    caught_up_by: str,
    count: int,
) -> None:
    harness.settings = dataclasses.replace(
        SETTINGS, redetection_class="*", lost_patience=1, recovered_confirmations=1000
    )
    harness.show(frames[0])
    request = start_request()
    request.target_id = "bottle"
    assert harness.ask(request).success
    harness.show(np.full_like(frames[0], 128))
    assert harness.published[-1].targets[0].state is State.LOST
    monkeypatch.setattr(redetection, "redetect", lambda _tracker, _image, model, _: (model, 0.9))
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.score = 0.9
    seen = Detection2D(bbox=box_to_message(START), results=[hypothesis])
    search = MultiTracker.update_many
    newer = iter(frames[2:4])

    def interrupted(method: MultiTracker, images: list) -> list:
        if (image := next(newer, None)) is not None:  # comes while the one before is searched
            harness.buffer.put_frame(Frame("front", image_message(image), time.monotonic()))
            if caught_up_by == "a start":
                harness.buffer.put_call(PendingCall(request, lambda _: None, float("inf")))
            else:
                harness.buffer.put_detections("front", Detection2DArray(detections=[seen]))
        return search(method, images)

    monkeypatch.setattr(MultiTracker, "update_many", interrupted)
    published = len(harness.published)
    harness.buffer.put_frame(Frame("front", image_message(frames[1]), time.monotonic()))
    harness.wait_for_results(published + count)
    ids = [[target.id for target in result.targets] for result in harness.published[published:]]
    assert ids == [["bottle"]] * count


def test_nothing_is_drawn_before_the_detections_of_all_cameras_are_out(
    engine: Engine, frames: list[np.ndarray]
) -> None:
    message = image_message(frames[0])
    waiting = [Frame(camera, message, time.monotonic()) for camera in ("front", "rear")]
    harness = Harness(engine, *waiting)
    harness.ask(StopTracking.Request())
    harness.end()
    assert harness.shown == [2, 2]


def test_a_start_that_fails_is_answered(
    harness: Harness,
    engine: Engine,
    frames: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness.show(frames[0])

    def fail(*_arguments: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(engine.tracker, "start", fail)
    answer = harness.ask(start_request())
    assert not answer.success
    assert "CUDA out of memory" in answer.message


def test_a_target_that_is_lost_for_too_long_is_forgotten(
    harness: Harness, frames: list[np.ndarray]
) -> None:
    harness.settings = dataclasses.replace(SETTINGS, lost_patience=1, give_up_seconds=60.0)
    harness.show(frames[0])
    assert harness.ask(start_request()).success
    grey = np.full_like(frames[0], 128)
    harness.show(grey)
    (target,) = harness.published[-1].targets
    assert target.state is State.LOST
    harness.show(grey)
    assert len(harness.published[-1].targets) == 1  # not yet
    harness.settings = dataclasses.replace(harness.settings, give_up_seconds=1e-9)
    harness.show(grey)
    assert harness.published[-1].targets == ()


def test_a_target_with_a_duration_is_removed_when_it_has_passed(
    harness: Harness, frames: list[np.ndarray]
) -> None:
    harness.settings = dataclasses.replace(SETTINGS, camera_timeout=3600.0)
    harness.show(frames[0])
    for seconds in (0, 3600):
        request = start_request()
        request.target_id = f"{seconds} s"
        request.duration.sec = seconds
        assert harness.ask(request).success
    brief = start_request()
    brief.target_id = "brief"
    brief.duration.nanosec = 1
    assert harness.ask(brief).success
    harness.show(frames[1])
    assert [target.id for target in harness.published[-1].targets] == ["0 s", "3600 s"]
    request.duration.nanosec = 1
    request.duration.sec = 0
    assert harness.ask(request).success  # starting over sets the duration anew
    harness.show(frames[2])
    assert [target.id for target in harness.published[-1].targets] == ["0 s"]


def test_a_negative_duration_is_refused(harness: Harness, frames: list[np.ndarray]) -> None:
    harness.show(frames[0])
    request = start_request()
    request.duration.sec = -1
    answer = harness.ask(request)
    assert not answer.success
    assert answer.message.startswith("duration is -1 s: it must be at least 0")


def test_cameras_whose_frames_wait_together_share_a_batch(
    harness: Harness, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    for camera in ("front", "rear"):
        harness.show(frames[0], camera)
        assert harness.ask(start_request(camera)).success
    batches: list[int] = []
    searched, reached = MultiTracker.update_many, threading.Event()

    def count(method: MultiTracker, images: list) -> list:
        batches.append(len(images))
        assert reached.wait(60)  # so that the next frames of both cameras wait
        return searched(method, images)

    monkeypatch.setattr(MultiTracker, "update_many", count)
    published = len(harness.published)
    harness.buffer.put_frame(Frame("front", image_message(frames[1]), time.monotonic()))
    while not batches:
        time.sleep(0.001)
    for camera in ("front", "rear"):
        harness.buffer.put_frame(Frame(camera, image_message(frames[2]), time.monotonic()))
    reached.set()
    assert not harness.ask(StopTracking.Request(target_id="nobody")).success
    assert not harness.ask(StopTracking.Request(target_id="nobody")).success
    assert batches == [1, 2]
    assert [p.frame.camera for p in harness.published[published:]] == ["front", "front", "rear"]
    assert [len(p.targets) for p in harness.published[published:]] == [1, 1, 1]


def test_requests_without_end_do_not_stop_the_tracking(
    harness: Harness, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.show(frames[0])
    assert harness.ask(start_request()).success
    monkeypatch.setattr("siamdw_ros.node.inference.CALL_SECONDS", 0.0)
    published, more = len(harness.published), threading.Event()

    def again(_: object) -> None:
        if not more.is_set():
            harness.buffer.put_call(
                PendingCall(StopTracking.Request(target_id="nobody"), again, deadline=float("inf"))
            )

    again(None)
    harness.buffer.put_frame(Frame("front", image_message(frames[1]), time.monotonic()))
    harness.wait_for_results(published + 1)
    more.set()
