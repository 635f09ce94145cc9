"""Detections of where targets are, and of where they will be."""

from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.messages import detections, predictions
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.smoothing import BoxFilter
from siamdw_ros.node.targets import TrackedTarget
from siamdw_ros.ros.conversions import box_from_message
from siamdw_ros.siamdw.presence import State, TrackResult

IMAGE = np.zeros((480, 640, 3), np.uint8)


def frame(seconds: float) -> Frame:
    header = Header(frame_id="camera")
    header.stamp = Time(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))
    return Frame("camera", SimpleNamespace(header=header), seconds)


def moving(smoothing: float, states: list[State]) -> TrackedTarget:
    """A target that moves right by 10 px and jitters up and down by 4, in each tenth second."""
    first = TrackResult((0.0, 0.0, 20.0, 30.0), 1.0, State.TRACKED)
    target = TrackedTarget(
        "1", None, frame(100.0), (640, 480), first, Time(), BoxFilter(smoothing)
    )
    for index, state in enumerate(states):
        box = (10.0 * index, 4.0 * (index % 2), 20.0, 30.0)
        target.record(frame(100 + index / 10), IMAGE, TrackResult(box, 0.9, state))
    return target


def shown(target: TrackedTarget, horizon: float = 0.0) -> FrameResult:
    settings = Settings(class_id="cup", smoothing=0.5, prediction_horizon=horizon)
    return FrameResult(target.frame, (target.report(horizon),), 0.0, settings)


def test_boxes_are_published_as_found_unless_smoothing_is_asked_for() -> None:
    target = moving(0.0, [State.TRACKED] * 10)
    (found,) = detections(shown(target)).detections
    assert box_from_message(found.bbox) == (90.0, 4.0, 20.0, 30.0)


def test_smoothing_takes_jitter_out_and_adds_no_lag() -> None:
    target = moving(0.5, [State.TRACKED] * 30)
    (found,) = detections(shown(target)).detections
    x, y, width, height = box_from_message(found.bbox)
    assert x == pytest.approx(290.0, abs=0.1)
    assert y == pytest.approx(2.0, abs=1.0)
    assert (width, height) == pytest.approx((20.0, 30.0))


def test_predictions_state_where_a_target_will_be_and_when() -> None:
    target = moving(0.5, [State.TRACKED] * 30)
    published = predictions(shown(target, 0.25))
    assert (published.header.stamp.sec, published.header.stamp.nanosec) == (103, 150_000_000)
    assert published.header.frame_id == "camera"
    assert published.detections[0].header == published.header
    assert box_from_message(published.detections[0].bbox)[0] == pytest.approx(290 + 25, abs=1)


def test_a_lost_target_is_not_predicted_and_smoothing_starts_over() -> None:
    target = moving(0.5, [State.TRACKED] * 10 + [State.LOST])
    assert predictions(shown(target, 0.1)).detections == []
    assert detections(shown(target)).detections == []
    target.record(frame(101.1), IMAGE, TrackResult((400.0, 0.0, 20.0, 30.0), 0.9, State.TRACKED))
    assert target.result.box == (400.0, 0.0, 20.0, 30.0)
    assert target.motion.predict(1.0) == target.motion.predict(0.0)
