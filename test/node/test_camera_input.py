"""Several cameras in one node."""

import re
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tracker_rig import START, TrackerRig

from siamdw_ros.node.camera_input import CameraInput, camera_names, check_cameras
from siamdw_ros.node.decoding import TRANSPORTS, image_message
from siamdw_ros.node.frame_buffer import FrameBuffer
from siamdw_ros.node.throttled_log import ThrottledLog


@pytest.mark.parametrize(
    ("topics", "names"),
    [
        (["image"], ["image"]),
        (["/front/image_raw", "rear/image_raw"], ["front", "rear"]),
        (["/camera/color/image_raw", "/gimbal/image"], ["camera/color", "gimbal"]),
        (["/cam/left", "/cam/right"], ["cam/left", "cam/right"]),
    ],
)
def test_cameras_are_named_by_their_topics(topics: list[str], names: list[str]) -> None:
    assert camera_names(topics) == names


@pytest.mark.parametrize(
    ("topics", "transport", "reason"),
    [
        (["cam/image", "/cam/image"], "raw", "2 cameras have the camera name 'cam/image'"),
        (["image", "/robot/image"], "raw", "2 cameras have the topic '/robot/image'"),
        (["/a/image", "/a/image"], "raw", "2 cameras have the topic '/a/image'"),
        (["/a/image/compressed"], "compressed", "give '/a/image'"),
    ],
)
def test_cameras_with_ambiguous_names_are_refused(
    topics: list[str], transport: str, reason: str
) -> None:
    node = Node("cameras", namespace="/robot")
    with pytest.raises(ValueError, match=re.escape(reason)):
        check_cameras(node, topics, TRANSPORTS[transport])
    check_cameras(node, ["front/image", "/rear/image"], TRANSPORTS[transport])
    node.destroy_node()


class RecordedLog:
    """Keeps the warnings of a log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        logger = SimpleNamespace(warning=self.lines.append)
        node = SimpleNamespace(get_logger=lambda: logger)
        self.throttled = ThrottledLog(node)


def test_the_warnings_of_one_camera_and_kind_do_not_hide_those_of_another() -> None:
    log, buffer = RecordedLog(), FrameBuffer({"front": "/front", "rear": "/rear"}, 2.0, 1e6)
    node = Node("warnings", namespace=f"/test_{time.monotonic_ns()}")
    for name in ("front", "rear"):
        camera = CameraInput(node, f"/{name}", TRANSPORTS["raw"], name, f"~/{name}", log.throttled)
        camera.subscribe(buffer)
        for stamp, encoding in ((9, "mono8"), (8, "mono8"), (10, "unknown"), (11, "unknown")):
            message = Image(encoding=encoding, width=2, height=1, step=2, data=bytes(2))
            message.header.stamp.sec = stamp
            camera.subscription.callback(message)
        camera.unsubscribe()
    node.destroy_node()
    kinds = ["the stamps jumped back by 1.000 s", "image rejected, 1 so far"]
    expected = [f"/{name}: {kind}" for name in ("front", "rear") for kind in kinds]
    assert [line[: len(start)] for line, start in zip(log.lines, expected, strict=True)] == (
        expected
    )


def test_two_cameras_share_the_node_and_keep_their_headers(
    reconfigure: Callable[..., TrackerRig], frames: list[np.ndarray]
) -> None:
    tracker = reconfigure(cameras=["front", "rear"], smoothing=0.05, prediction_horizon=0.25)
    tracker.show(frames[0], "front")
    answer = tracker.start()
    assert not answer.success
    assert "several cameras" in answer.message
    assert tracker.start(header=Header(frame_id="front_optical"), target_id="cup").success
    tracker.show(frames[0], "rear")
    assert tracker.start(header=Header(frame_id="rear"), target_id="other").success
    for camera, followed in (("front", "cup"), ("rear", "other")):
        found = tracker.show(frames[1], camera)
        assert found.header.frame_id == f"{camera}_optical"
        assert [(d.id, d.header) for d in found.detections] == [(followed, found.header)]
        assert [t.id for t in tracker.cameras[camera].all_statuses[-1].targets] == [followed]
        predicted = tracker.about(tracker.cameras[camera].predictions, found.header.stamp.sec)
        assert [(p.header.frame_id, p.header.stamp.nanosec) for p in predicted] == [
            (f"{camera}_optical", 250_000_000)
        ]
        assert [d.id for d in predicted[0].detections] == [followed]
    # A target that is started over on another camera moves there.
    assert tracker.start(header=Header(frame_id="rear"), target_id="cup", box=START).success
    assert tracker.show(frames[2], "front").detections == []
    assert {d.id for d in tracker.show(frames[2], "rear").detections} == {"cup", "other"}
    assert set(tracker.stop().target_ids) == {"cup", "other"}


def test_a_camera_that_floods_does_not_starve_another(
    reconfigure: Callable[..., TrackerRig], frames: list[np.ndarray]
) -> None:
    tracker = reconfigure(cameras=["front", "rear"])
    for camera in ("front", "rear"):
        tracker.show(frames[0], camera)
        assert tracker.start(header=Header(frame_id=camera), target_id=camera).success
    for frame in frames[1:6]:
        for _ in range(10):
            tracker.send(image_message(frame), "front")
        (detection,) = tracker.show(frame, "rear").detections
        assert detection.id == "rear"
    status = tracker.cameras["rear"].all_statuses[-1]
    assert status.processed == status.received == 6
