"""The node from outside, as on a robot: a process, real images, real DDS."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TargetState
from std_msgs.msg import Header
from tracker_rig import START, TrackerRig, track_through_the_first_second

from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.node.decoding import image_message
from siamdw_ros.ros.conversions import box_from_message

Frames = list[np.ndarray]


def test_a_request_before_any_image_is_refused(reconfigure: Callable[..., TrackerRig]) -> None:
    tracker = reconfigure(cameras=["silent"], camera_timeout=0.1)
    answer = tracker.start()
    assert not answer.success
    topic = tracker.camera.publisher.topic_name
    assert f"no image has arrived yet on {topic}" in answer.message
    tracker.wait(lambda: f"{topic}: no image has come yet" in tracker.output(), "a warning")
    other = tracker.node.create_publisher(Image, "the_right_image", 1)
    tracker.node.destroy_publisher(tracker.camera.publisher)
    warning = f"nothing publishes {topic}; topics of this type:"
    tracker.wait(lambda: warning in tracker.output(), "a warning")
    assert other.topic_name in tracker.output().split(warning)[1]
    assert tracker.output().count(warning) == 1


def test_detections_carry_the_header_of_their_image(tracker: TrackerRig, frames: Frames) -> None:
    assert tracker.show(frames[0]).detections == []
    answer = tracker.start()
    assert answer.success, answer.message
    found = tracker.show(frames[1])
    assert found.header.frame_id == "camera_optical"
    (detection,) = found.detections
    assert detection.header == found.header
    assert detection.id == answer.target_id
    assert 0 <= detection.results[0].hypothesis.score <= 1
    assert detection.results[0].hypothesis.class_id == "target"
    (alone,) = tracker.about(tracker.first, found.header.stamp.sec)
    assert alone == detection


def test_the_target_is_followed_through_the_first_second(
    tracker: TrackerRig, frames: Frames
) -> None:
    track_through_the_first_second(tracker, frames)
    (state,) = tracker.statuses[-1].targets
    assert state.state == TargetState.TRACKED
    assert state.last_seen == tracker.statuses[-1].header.stamp


def thermal(frame: np.ndarray) -> Image:
    """A frame as a thermal camera with another byte order sends it: 301 values of 65,536."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    values = (7700 + grey * (300 / 255)).round().astype(">u2")
    height, width = grey.shape
    layout = {"height": height, "width": width, "step": 2 * width, "is_bigendian": 1}
    return Image(encoding="mono16", data=values.tobytes(), **layout)


def test_a_target_is_followed_through_16_bit_images_of_a_narrow_range(
    tracker: TrackerRig, frames: Frames
) -> None:
    tracker.show(thermal(frames[0]))
    assert tracker.start().success
    for frame in frames[5::6]:
        (detection,) = tracker.show(thermal(frame)).detections
    np.testing.assert_allclose(box_from_message(detection.bbox), START, atol=40)
    assert detection.results[0].hypothesis.score > 0.5


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((700.0, 10.0, 50.0, 50.0), "outside the image of 640x480 px"),
        ((math.nan, 10.0, 50.0, 50.0), "finite"),
        ((10.0, 10.0, 50.0, math.inf), "finite"),
        ((10.0, 10.0, 0.0, 50.0), "at least 2 px"),
        ((10.0, 10.0, -30.0, 50.0), "at least 2 px"),
    ],
)
def test_a_box_that_holds_nothing_is_refused_with_the_reason(
    tracker: TrackerRig, frames: Frames, box: tuple[float, ...], reason: str
) -> None:
    tracker.show(frames[0])
    answer = tracker.start(box)
    assert not answer.success
    assert reason in answer.message
    assert tracker.show(frames[1]).detections == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"header": Header(frame_id="other_camera")}, "other_camera"),
        ({"target_id": "x" * 65}, "at most 64"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(
    tracker: TrackerRig, frames: Frames, fields: dict[str, object], reason: str
) -> None:
    tracker.show(frames[0])
    answer = tracker.start(**fields)
    assert not answer.success
    assert reason in answer.message


def test_a_stamp_that_is_not_held_is_refused(tracker: TrackerRig, frames: Frames) -> None:
    header = tracker.show(frames[0]).header
    other = Header(stamp=Time(sec=header.stamp.sec + 1))
    answer = tracker.start(header=other)
    assert not answer.success
    assert f"no image with stamp {other.stamp.sec}" in answer.message
    assert tracker.start(header=header).success


def test_several_targets_have_their_own_ids_and_end_one_by_one(
    tracker: TrackerRig, frames: Frames
) -> None:
    tracker.show(frames[0])
    cup = tracker.start()
    other = tracker.start((20.0, 20.0, 80.0, 80.0), target_id="corner")
    assert (cup.success, other.target_id) == (True, "corner")
    assert cup.target_id != "corner"
    assert [t.id for t in _status(tracker, frames[1])] == [cup.target_id, "corner"]
    assert tracker.stop(cup.target_id).target_ids == [cup.target_id]
    assert [t.id for t in _status(tracker, frames[2])] == ["corner"]
    answer = tracker.stop("nobody")
    assert not answer.success
    assert "no target 'nobody'" in answer.message
    assert tracker.stop().target_ids == ["corner"]
    assert _status(tracker, frames[3]) == []


def _status(tracker: TrackerRig, frame: np.ndarray) -> list[TargetState]:
    stamp = tracker.show(frame).header.stamp.sec
    return list(tracker.about(tracker.statuses, stamp)[0].targets)


def test_a_known_id_starts_over_with_the_new_box(tracker: TrackerRig, frames: Frames) -> None:
    tracker.show(frames[0])
    tracker.start((20.0, 20.0, 80.0, 80.0), target_id="cup")
    assert tracker.start(target_id="cup").success
    (detection,) = tracker.show(frames[0]).detections
    np.testing.assert_allclose(box_from_message(detection.bbox), START, atol=30)


@pytest.mark.parametrize(
    "damage",
    [{"encoding": "gibberish"}, {"step": 5}, {"height": 481}, {"width": 0, "height": 0}],
)
def test_a_malformed_image_is_counted_and_the_node_goes_on(
    tracker: TrackerRig, frames: Frames, damage: dict[str, object]
) -> None:
    tracker.show(frames[0])
    before = tracker.statuses[-1].rejected
    broken: Image = image_message(frames[0])
    for name, value in damage.items():
        setattr(broken, name, value)

    def rejected() -> bool:
        tracker.send(broken)  # again: the next image may have replaced it on its way
        tracker.show(frames[1])
        return tracker.statuses[-1].rejected > before

    tracker.wait(rejected, "the image to be counted as rejected")
    assert "image rejected" in tracker.output()


def test_an_image_of_before_the_beginning_of_time_is_rejected(
    tracker: TrackerRig, frames: Frames
) -> None:
    tracker.show(frames[0], stamp=4000)
    before = tracker.statuses[-1].rejected

    def rejected() -> bool:
        tracker.send(image_message(frames[1]), stamp=-1)
        tracker.show(frames[2], stamp=len(tracker.statuses) + 5000)
        return tracker.statuses[-1].rejected > before

    tracker.wait(rejected, "the image to be counted as rejected")


def test_at_another_resolution_the_box_is_scaled(tracker: TrackerRig, frames: Frames) -> None:
    for size, factor in (((1280, 960), 2.0), ((320, 240), 0.5)):
        tracker.show(frames[0])
        name = f"at {factor}"  # the warnings are throttled by target
        assert tracker.start(target_id=name).success
        for frame in frames[1:4]:
            (detection,) = tracker.show(cv2.resize(frame, size)).detections
        assert tracker.stop(name).success
        expected = [factor * value for value in START]
        np.testing.assert_allclose(
            box_from_message(detection.bbox), expected, atol=30 * max(factor, 1)
        )
        assert f"to {size[0]}x{size[1]} px: the box of target {name} is scaled" in tracker.output()


def test_in_an_image_of_another_shape_a_target_is_lost_until_it_is_found(
    tracker: TrackerRig, frames: Frames
) -> None:
    tracker.show(frames[0])
    assert tracker.start(target_id="bottle").success
    assert tracker.show(frames[1][:400].copy()).detections == []
    (state,) = tracker.statuses[-1].targets
    assert state.state == TargetState.LOST
    assert "to 640x400 px, another shape: target bottle is lost" in tracker.output()
    for _ in range(20):  # the place is the same: the search confirms it
        found = tracker.show(frames[1][:400].copy()).detections
    assert [detection.id for detection in found] == ["bottle"]


def test_a_box_that_is_partly_outside_is_cut_and_the_answer_reports_it(
    tracker: TrackerRig, frames: Frames
) -> None:
    tracker.show(frames[0])
    answer = tracker.start((-40.0, 100.0, 100.0, 100.0))
    assert answer.success
    assert "the box was cut to its part in the image, 60x100 px at (0, 100)" in answer.message
    sliver = tracker.start((637.0, 100.0, 100.0, 100.0))
    assert not sliver.success
    assert "only 3 % of the box 100x100 px at (637, 100) is inside the image" in sliver.message


def test_a_newer_image_replaces_the_one_that_waits(tracker: TrackerRig, frames: Frames) -> None:
    tracker.show(frames[0])
    assert tracker.start().success
    before = tracker.statuses[-1].dropped

    def some_dropped() -> bool:
        for frame in frames[:8]:
            tracker.send(image_message(frame))
        tracker.show(frames[8])
        return tracker.statuses[-1].dropped > before

    tracker.wait(some_dropped, "an image to be dropped")
    status = tracker.statuses[-1]
    assert status.received == status.processed + status.dropped + status.rejected


@pytest.mark.slow
@pytest.mark.parametrize("following", [False, True])
def test_an_interrupt_ends_the_node_cleanly(
    launch_tracker: Callable[..., TrackerRig], frames: Frames, following: bool
) -> None:
    tracker = launch_tracker()
    if following:
        tracker.show(frames[0])
        assert tracker.start().success
        tracker.send(image_message(frames[1]))
    assert tracker.process.interrupt() == 0
    assert "Traceback" not in tracker.output()
    assert "ERROR" not in tracker.output()


@pytest.mark.slow
def test_an_interrupt_while_it_starts_ends_it_cleanly(
    launch_tracker: Callable[..., TrackerRig],
) -> None:
    tracker = launch_tracker(active=False)
    assert tracker.process.interrupt() == 0
    assert "Traceback" not in tracker.output()


def test_no_more_targets_than_allowed(
    reconfigure: Callable[..., TrackerRig], frames: Frames
) -> None:
    tracker = reconfigure(max_targets=1)
    tracker.show(frames[0])
    assert tracker.start(target_id="a").success
    answer = tracker.start(target_id="b")
    assert not answer.success
    assert "max_targets" in answer.message
    assert tracker.start(target_id="a").success


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [({"checkpoint": __file__}, "damaged or no checkpoint"), ({"lost_score": 0.9}, "lost <=")],
)
def test_without_a_tracker_the_node_stays_and_reports_why(
    launch_tracker: Callable[..., TrackerRig], parameters: dict[str, object], reason: str
) -> None:
    tracker = launch_tracker(active=False, **parameters)
    tracker.wait(lambda: "not configured" in tracker.output(), "the attempt")
    answer = tracker.start()
    assert not answer.success
    assert "unconfigured" in answer.message
    assert reason in answer.message
    assert reason in tracker.output()
    assert tracker.process.interrupt() == 0


def test_a_qos_that_does_not_exist_is_named_when_the_node_is_activated(
    launch_tracker: Callable[..., TrackerRig],
) -> None:
    override = {"qos_overrides.{namespace}/image.subscription.reliability": "realiable"}
    tracker = launch_tracker(active=False, backend="torch", **override)
    tracker.wait(lambda: "activating failed" in tracker.output(), "the attempt")
    answer = tracker.start()
    assert not answer.success
    assert "realiable" in answer.message
    assert "configure and activate it" not in answer.message


def test_a_parameter_out_of_range_is_reported_at_the_start(tmp_path: Path) -> None:
    with TrackerProcess(tmp_path / "node.log", parameters={"max_targets": 0}) as process:
        assert process.process.wait(60) != 0
        assert "max_targets" in process.output()
