"""Boxes for other viewers, and the files in config/ that open them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from std_msgs.msg import Header
from tracker_rig import START, TrackerRig
from visualization_msgs.msg import ImageMarker

from siamdw_ros.following import target_pose_node
from siamdw_ros.node import overlays
from siamdw_ros.node.results import TargetResult
from siamdw_ros.siamdw.presence import State

CONFIG = Path(__file__).parents[2] / "config"
HEADER = Header(stamp=Time(sec=7), frame_id="camera")
SEEN = TargetResult("cup", State.TRACKED, 0.91, (10.0, 20.0, 30.0, 40.0), Time())
LOST = TargetResult("dog", State.LOST, 0.05, (50.0, 60.0, 7.0, 8.0), Time())


def pairs(points: list[Point]) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in points]


def test_a_marker_has_four_lines_per_target_in_the_colour_of_its_state() -> None:
    made = overlays.marker(HEADER, [SEEN, LOST])
    assert made.header == HEADER
    assert (made.action, made.type) == (ImageMarker.ADD, ImageMarker.LINE_LIST)
    lines = [(10, 20), (40, 20), (40, 20), (40, 60), (40, 60), (10, 60), (10, 60), (10, 20)]
    assert pairs(made.points)[:8] == lines
    assert pairs(made.points)[8] == (50, 60)
    colours = [(c.r, c.g, c.b) for c in made.outline_colors]
    assert len(colours) == 8
    assert len(set(colours[:4])) == len(set(colours[4:])) == 1
    assert colours[0] != colours[4]


def test_without_targets_the_marker_removes_the_last_one() -> None:
    made = overlays.marker(HEADER, [])
    assert made.action == ImageMarker.REMOVE
    assert made.ns == overlays.marker(HEADER, [SEEN]).ns


def test_annotations_name_the_targets() -> None:
    pytest.importorskip("foxglove_msgs", reason="foxglove_msgs is not installed")
    made = overlays.annotations(HEADER, [SEEN, LOST])
    assert [text.text for text in made.texts] == ["cup 0.91 tracked", "dog 0.05 lost"]
    assert [points.timestamp for points in made.points] == [HEADER.stamp] * 2
    assert pairs(made.points[0].points) == [(10, 20), (40, 20), (40, 60), (10, 60)]


def test_markers_are_published_with_the_header_of_the_image(
    tracker: TrackerRig, frames: list[np.ndarray]
) -> None:
    heard: list[ImageMarker] = []
    topic = "siamdw_tracker/image_markers"
    subscription = tracker.node.create_subscription(ImageMarker, topic, heard.append, 10)
    tracker.wait(lambda: tracker.node.count_publishers(topic), "the publisher")
    tracker.show(frames[0])
    assert tracker.start(START).success

    def shown() -> Any:
        found = tracker.show(frames[0])
        marked = [marker for marker in list(heard) if marker.header == found.header]
        return marked and marked[0].points

    tracker.wait(shown, "a marker")
    assert abs(heard[-1].points[0].x - START[0]) < 20
    tracker.node.destroy_subscription(subscription)


def topics_of(node: Any) -> Iterator[str]:
    """Values of all keys that name a topic, in nested maps and lists."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("imageTopic", "topicPath", "topicToRender"):
                yield value
            elif key == "annotations":
                yield from value
            elif key == "Topic":
                yield value["Value"]
            elif key == "paths":
                yield from (path["value"].partition(".")[0] for path in value)
            else:
                yield from topics_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from topics_of(value)


@pytest.mark.parametrize("name", ["foxglove.json", "tracker.rviz"])
def test_layouts_show_topics_that_exist(name: str) -> None:
    text = (CONFIG / name).read_text()
    layout = json.loads(text) if name.endswith("json") else yaml.safe_load(text)
    policy = ElementTree.parse(CONFIG / "security" / "policy.xml")
    tracker = policy.find(".//profile[@node='siamdw_tracker']/topics[@publish='ALLOW']")
    assert tracker is not None
    own = {(topic.text or "").replace("~", "/siamdw_tracker") for topic in tracker}
    pose = "/target_pose/pose_with_covariance"
    assert '"~/pose_with_covariance"' in Path(target_pose_node.__file__).read_text()
    shown = set(topics_of(layout))
    assert len(shown) >= 2
    assert shown <= own | {pose, "/camera/image_raw"}


def test_the_foxglove_layout_places_every_panel_once() -> None:
    layout = json.loads((CONFIG / "foxglove.json").read_text())

    def placed(part: Any) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        else:
            yield from placed(part["first"])
            yield from placed(part["second"])

    assert sorted(placed(layout["layout"])) == sorted(layout["configById"])


def test_every_rviz_display_has_a_class_of_rviz() -> None:
    layout = yaml.safe_load((CONFIG / "tracker.rviz").read_text())
    displays = layout["Visualization Manager"]["Displays"]
    assert displays
    for display in displays:
        assert display["Class"].startswith("rviz_default_plugins/")
        assert display["Enabled"]
