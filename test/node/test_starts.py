"""Starting on the image that the operator saw."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tracker_rig import START, TrackerRig

from siamdw_ros.node.decoding import image_message
from siamdw_ros.node.frame_buffer import Frame, HeldFrames
from siamdw_ros.node.requested_frames import frames_from
from siamdw_ros.node.services import RefusedError
from siamdw_ros.node.targets import search_some
from siamdw_ros.ros.conversions import box_from_message


def held(*stamps: int, camera: str = "front", frame_id: str = "front_optical") -> list[Frame]:
    frames = []
    for stamp in stamps:
        message = Image(header=Header(stamp=Time(sec=stamp), frame_id=frame_id))
        frames.append(Frame(camera, message, float(stamp)))
    return frames


def find(header: Header, **frames: list[Frame]) -> list[Frame]:
    return frames_from(header, {c: HeldFrames(f"/{c}", f) for c, f in frames.items()}, 0.0)


def asked(stamp: int = 0, frame_id: str = "") -> Header:
    return Header(stamp=Time(sec=stamp), frame_id=frame_id)


def test_without_a_stamp_the_newest_frame_is_taken() -> None:
    frames = held(1, 2, 3)
    assert find(asked(), front=frames) == frames[2:]


def test_a_stamp_chooses_its_frame_and_the_newer_ones() -> None:
    frames = held(1, 2, 3)
    assert find(asked(2), front=frames) == frames[1:]


@pytest.mark.parametrize("frame_id", ["rear", "rear_optical"])
def test_the_camera_is_named_by_its_frame_or_its_name(frame_id: str) -> None:
    rear = held(1, camera="rear", frame_id="rear_optical")
    assert find(asked(0, frame_id), front=held(1), rear=rear) == rear


@pytest.mark.parametrize(
    ("header", "histories", "reason"),
    [
        (asked(), {"front": []}, "no image has arrived yet on /front"),
        (asked(0, "front_optical"), {"front": []}, "no image has arrived yet"),
        (asked(9), {"front": held(1, 2)}, "only 2 from 1.000000000 to 2.000000000"),
        (asked(9), {"front": held(2)}, "only 2.000000000"),
        (
            asked(),
            {"front": held(1), "rear": []},
            "'front_optical' (front) or rear (no image yet on /rear)",
        ),
        (asked(0, "left"), {"front": held(1)}, "no camera has the frame_id 'left'"),
        (
            asked(0, "same"),
            {"front": held(1, frame_id="same"), "rear": held(1, frame_id="same")},
            "give a camera's name, front, rear",
        ),
    ],
)
def test_what_cannot_be_found_is_refused_with_the_reason(
    header: Header, histories: dict[str, list[Frame]], reason: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        find(header, **histories)
    assert reason in str(refused.value)


def test_without_a_stamp_an_old_image_is_refused_with_its_age_and_stamp() -> None:
    frames = held(5)
    old = HeldFrames("/front", frames, "encoding '32FC1' is not supported")
    with pytest.raises(RefusedError) as refused:
        frames_from(asked(), {"front": old}, oldest=5.1)
    assert "newer ones are rejected: encoding '32FC1'" in str(refused.value)
    assert "give its stamp, 5.000000000" in str(refused.value)
    assert frames_from(asked(5), {"front": old}, oldest=5.1) == frames
    assert frames_from(asked(), {"front": old}, oldest=5.0) == frames


def test_answers_abridge_what_other_machines_call_a_frame() -> None:
    """Ids may have any length and hold line breaks, and answers are logged."""
    long = "x" * 10_000 + "\n"
    several = {
        "front": held(1, camera="front", frame_id=long),
        "rear": held(1, camera="rear", frame_id=long),
    }
    for frame_id in ("", "y" * 10_000, long):
        with pytest.raises(RefusedError) as refused:
            find(asked(0, frame_id), **several)
        assert len(str(refused.value)) < 400
        assert "\n" not in str(refused.value)


class Clock:
    """Goes on by a fixed time at each search."""

    def __init__(self, cost: float) -> None:
        self.now, self.cost = 0.0, cost
        self.searched: list[int] = []

    def search(self, frame: Frame) -> None:
        self.searched.append(frame.stamp.sec)
        self.now += self.cost


@pytest.mark.parametrize(
    ("cost", "searched"),
    [
        (0.0, list(range(1, 31))),
        (2**-6, list(range(1, 31))),
        (2**-3, [1, 11, 21, 30]),  # four in half a second
        (0.3, [1, 30]),
        (9.0, [1, 30]),
    ],
)
def test_catching_up_leaves_out_as_much_as_time_demands(cost: float, searched: list[int]) -> None:
    clock = Clock(cost)
    count = search_some(held(*range(1, 31)), clock.search, 0.5, lambda: clock.now)
    assert count == len(clock.searched)
    assert clock.searched == searched


def test_there_may_be_nothing_to_search_some() -> None:
    assert search_some([], lambda _: None, 0.5) == 0


def test_a_target_that_was_drawn_on_an_older_image_is_followed_to_the_newest(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    first = tracker.show(frames[0]).header
    for frame in frames[4::4]:
        tracker.show(frame)
    answer = tracker.start(header=first)
    assert answer.success, answer.message
    assert answer.stamp == first.stamp
    assert "newer images searched" in answer.message
    caught_up = tracker.show(frames[28])
    (detection,) = caught_up.detections
    assert detection.header == caught_up.header
    tracker.stop()
    tracker.show(frames[0])
    tracker.start()
    for frame in frames[4::4]:
        (followed,) = tracker.show(frame).detections
    np.testing.assert_allclose(
        box_from_message(detection.bbox), box_from_message(followed.bbox), atol=25
    )


def test_when_a_bag_starts_over_tracking_goes_on_and_old_stamps_are_refused(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    before = tracker.show(frames[0], stamp=2000).header
    assert tracker.start(target_id="cup").success
    tracker.show(frames[1])
    again = 1500
    found = tracker.show(frames[2], stamp=again)
    assert [detection.id for detection in found.detections] == ["cup"]
    answer = tracker.start(header=before)
    assert not answer.success
    assert f"only {again}.000000000" in answer.message
    assert tracker.start(header=found.header, box=START, target_id="cup").success
    (detection,) = tracker.show(frames[3]).detections
    assert detection.results[0].hypothesis.score > 0.5


def test_images_without_stamps_are_followed(tracker: TrackerRig, frames: list[np.ndarray]) -> None:
    tracker.show(frames[0], stamp=0)
    assert tracker.start().success
    heard = len(tracker.detections)
    tracker.send(image_message(frames[1]), stamp=0)
    tracker.wait(lambda: len(tracker.detections) > heard, "the image to be processed")
    assert len(tracker.detections[-1].detections) == 1
    assert len(tracker.show(frames[2], stamp=3000).detections) == 1
