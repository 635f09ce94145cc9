"""A point is enough to start: by the service, by ~/click; ~/box takes a polygon."""

import contextlib

import numpy as np
import pytest
from geometry_msgs.msg import Point, Point32, PointStamped, PolygonStamped
from std_msgs.msg import Header
from tracker_rig import START, TrackerRig

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.node.clicks import request_of_click, request_of_polygon
from siamdw_ros.ros.conversions import box_from_message

REFUSED = "point (5000, 5): must be inside the image of 640x480 px"
MIDDLE = (360.0, 254.0)  # of the bottle in cup.mp4, on its first frame


def click(x: float, y: float, header: Header | None = None) -> PointStamped:
    message = PointStamped(header=header or Header())
    message.point.x = x
    message.point.y = y
    return message


def polygon(*corners: tuple[float, float]) -> PolygonStamped:
    message = PolygonStamped()
    message.polygon.points = [Point32(x=x, y=y) for x, y in corners]
    return message


def test_a_click_asks_for_the_object_at_a_point_of_its_image() -> None:
    header = Header(frame_id="front")
    header.stamp.sec = 7
    request = request_of_click(click(12.5, 7.0, header))
    assert request.header == header
    assert box_from_message(request.bbox) == (12.5, 7.0, 0.0, 0.0)


def test_a_polygon_asks_for_the_box_around_it() -> None:
    request = request_of_polygon(polygon((10, 30), (40, 20), (30, 60)))
    assert box_from_message(request.bbox) == (10, 20, 30, 40)


def test_a_polygon_without_points_has_no_box() -> None:
    assert np.isnan(box_from_message(request_of_polygon(polygon()).bbox)).any()


def test_the_service_finds_the_box_at_a_point(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    tracker.show(frames[0])
    answer = tracker.start((*MIDDLE, 0.0, 0.0))
    assert answer.success, answer.message
    assert "the object at (360, 254) has the box" in answer.message
    assert overlap(box_from_message(answer.bbox), START) > 0.5
    (detection,) = tracker.show(frames[1]).detections
    assert overlap(box_from_message(detection.bbox), START) > 0.5


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ((700.0, 10.0), "must be inside the image of 640x480 px"),
        ((20.0, 20.0), "no object was found at (20, 20): draw a box"),
    ],
)
def test_a_point_without_an_object_is_refused(
    tracker: TrackerRig, point: tuple[float, float], reason: str
) -> None:
    tracker.show(np.full((480, 640, 3), 90, np.uint8))
    answer = tracker.start((*point, 0.0, 0.0))
    assert not answer.success
    assert reason in answer.message


def test_clicks_and_polygons_start_targets_on_the_image_with_their_stamp(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    clicks = tracker.node.create_publisher(PointStamped, "siamdw_tracker/click", 10)
    boxes = tracker.node.create_publisher(PolygonStamped, "siamdw_tracker/box", 10)
    tracker.wait(lambda: clicks.get_subscription_count() == 1, "subscription of the click")
    tracker.wait(lambda: boxes.get_subscription_count() == 1, "subscription of the box")
    seen = tracker.show(frames[0]).header
    tracker.show(np.full_like(frames[0], 90))  # nothing could be found on the newest image
    clicks.publish(click(*MIDDLE, seen))
    tracker.wait(lambda: "the object at (360, 254)" in tracker.output(), "a target")
    assert tracker.stop().success
    x, y, w, h = START
    tracker.show(frames[0])
    boxes.publish(polygon((x, y), (x + w, y), (x + w, y + h), (x, y + h)))
    tracker.wait(lambda: tracker.show(frames[0]).detections, "a target")
    (detection,) = tracker.show(frames[0]).detections
    assert overlap(box_from_message(detection.bbox), START) > 0.8


@pytest.mark.parametrize("topic", ["image", "siamdw_tracker/debug_image"])
def test_a_click_in_rqt_image_view_starts_a_target_on_the_newest_image(
    tracker: TrackerRig, frames: list[np.ndarray], topic: str
) -> None:
    clicks = tracker.node.create_publisher(Point, f"{topic}_mouse_left", 10)
    tracker.wait(lambda: clicks.get_subscription_count() == 1, "subscription of the click")
    tracker.show(frames[0])
    clicks.publish(Point(x=MIDDLE[0], y=MIDDLE[1]))
    tracker.wait(lambda: tracker.show(frames[0]).detections, "a target")
    (detection,) = tracker.show(frames[0]).detections
    assert overlap(box_from_message(detection.bbox), START) > 0.5


def test_a_refused_click_is_logged(tracker: TrackerRig, frames: list[np.ndarray]) -> None:
    clicks = tracker.node.create_publisher(PointStamped, "siamdw_tracker/click", 10)
    tracker.wait(lambda: clicks.get_subscription_count() == 1, "subscription of the click")
    for _ in range(10):  # warnings of one kind are logged every 5 s only
        tracker.show(frames[0])
        clicks.publish(click(5000.0, 5.0))
        with contextlib.suppress(AssertionError):
            tracker.wait(lambda: REFUSED in tracker.output(), "a warning", seconds=2.0)
            return
    pytest.fail(f"'{REFUSED}' was not logged\n{tracker.output()}")
