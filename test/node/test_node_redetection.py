"""Which of a detector's boxes are tried, and in which images."""

import math
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

from siamdw_ros.node import redetection
from siamdw_ros.node.decoding import image_message
from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.redetection import MAX_BOXES, MAX_DETECTIONS, redetect_lost, usable_boxes
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.smoothing import BoxFilter
from siamdw_ros.node.targets import Targets, TrackedTarget
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.presence import State, TrackResult


def detection(
    score: float, x: float = 10.0, class_id: str = "cup", size: float = 20.0
) -> Detection2D:
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = class_id, score
    return Detection2D(bbox=box_to_message((x, 5.0, size, size)), results=[hypothesis])


def message(*detections: Detection2D) -> Detection2DArray:
    return Detection2DArray(detections=list(detections))


def test_boxes_of_the_wanted_class_come_likeliest_first() -> None:
    received = message(detection(0.5, 1.0), detection(0.9, 2.0), detection(0.95, 3.0, "dog"))
    assert [box[0] for box in usable_boxes(received, "cup")] == [2.0, 1.0]
    assert [box[0] for box in usable_boxes(received, "*")] == [3.0, 2.0, 1.0]
    assert usable_boxes(received, "cat") == []


def test_only_the_likeliest_few_are_tried() -> None:
    received = message(*(detection(i / 100, float(i)) for i in range(100)))
    assert [box[0] for box in usable_boxes(received, "cup")] == [
        99.0 - i for i in range(MAX_BOXES)
    ]


@pytest.mark.parametrize(
    "broken",
    [
        detection(math.nan),
        detection(0.9, x=math.nan),
        detection(0.9, size=math.inf),
        detection(0.9, size=1.0),
        detection(0.9, size=-5.0),
        Detection2D(),
    ],
)
def test_what_cannot_be_a_box_is_left_out(broken: Detection2D) -> None:
    assert len(usable_boxes(message(broken, detection(0.3)), "cup")) == 1


def test_a_message_that_no_detector_sends_is_not_looked_at() -> None:
    assert usable_boxes(message(*[detection(0.9)] * (MAX_DETECTIONS + 1)), "cup") == []


numbers = st.floats(width=64)


@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=20), st.text(max_size=5))
def test_any_message_gives_boxes_that_can_be_searched(
    fields: list[tuple[float, ...]], wanted: str
) -> None:
    received = message(*(detection(score, x, wanted, size) for score, x, size in fields))
    for box in usable_boxes(received, wanted):
        assert all(map(math.isfinite, box))
        assert min(box[2:]) >= 2


@pytest.mark.parametrize(("width", "searched"), [(64, ["cup"]), (128, [])])
def test_an_image_of_another_size_than_the_newest_is_not_searched(
    width: int, searched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a target stores in pixels is of the newest image."""
    tried = []

    def note(_tracker: Any, _image: Any, model: str, _boxes: Any) -> None:
        tried.append(model)

    monkeypatch.setattr(redetection, "redetect", note)
    seen = Frame("front", image_message(np.zeros((48, width, 3), np.uint8)), 0.0)
    newest = Frame("front", image_message(np.zeros((48, 64, 3), np.uint8)), 1.0)
    model: Any = "cup"
    box = (5.0, 5.0, 9.0, 9.0)
    result = TrackResult(box, 0.1, State.LOST)
    lost = TrackedTarget("1", model, newest, (64, 48), result, Time(), BoxFilter(0.0))
    tracker: Any = None
    redetect_lost(Targets({"1": lost}), [box], [seen], tracker, Settings())
    assert tried == searched
