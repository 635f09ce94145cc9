"""Conversion between the tracker's records and ROS messages."""

from rclpy.duration import Duration
from rclpy.time import Time
from siamdw_msgs.msg import TargetState, TrackerStatus
from std_msgs.msg import Header
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    ObjectHypothesisWithPose,
)

from siamdw_ros.node.metrics import ProcessStats, ReceiveStats, rejected_images
from siamdw_ros.node.results import FrameResult, TargetResult
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.crops import Box


def detections(result: FrameResult) -> Detection2DArray:
    """Return all targets that are seen in a frame. The header is the image's."""
    header = result.frame.message.header
    class_id = result.settings.class_id
    return Detection2DArray(
        header=header,
        detections=[_detection(header, t, class_id, t.box) for t in result.targets if t.seen],
    )


def predictions(result: FrameResult) -> Detection2DArray:
    """Return where the targets that are seen in a frame will be `prediction_horizon` later.

    The stamp is that later time; the frame_id is the image's.
    """
    image = result.frame.message.header
    later = Duration(nanoseconds=round(result.settings.prediction_horizon * 1e9))
    stamp = (Time.from_msg(image.stamp) + later).to_msg()
    header = Header(stamp=stamp, frame_id=image.frame_id)
    class_id = result.settings.class_id
    return Detection2DArray(
        header=header,
        detections=[
            _detection(header, target, class_id, target.predicted)
            for target in result.targets
            if target.predicted is not None
        ],
    )


def _detection(header: Header, target: TargetResult, class_id: str, box: Box) -> Detection2D:
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = class_id
    hypothesis.hypothesis.score = target.score
    return Detection2D(
        header=header,
        id=target.id,
        bbox=box_to_message(box),
        results=[hypothesis],
    )


def target_state(target: TargetResult) -> TargetState:
    """Return the state of a target, whether it is seen or not."""
    return TargetState(
        id=target.id,
        state=int(target.state),
        score=target.score,
        bbox=box_to_message(target.box),
        last_seen=target.last_seen,
    )


def status(
    result: FrameResult,
    received: ReceiveStats,
    processed: ProcessStats,
    device: str,
    now: float,
    latency_ms: float,
) -> TrackerStatus:
    """Return the status after a frame.

    Args:
        result: What the frame showed.
        received: Counts of the camera's input.
        processed: Counts of the camera's frames.
        device: Device of the network.
        now: Time of the clock that rates are taken with, in seconds.
        latency_ms: Milliseconds from the image's stamp to the publishing; NaN if unknown.
    """
    return TrackerStatus(
        header=result.frame.message.header,
        targets=[target_state(target) for target in result.targets],
        model=result.settings.model,
        device=device,
        receive_rate=received.rate.value(now),
        process_rate=processed.rate.value(now),
        inference_ms=result.inference_seconds * 1e3,
        latency_ms=latency_ms,
        received=received.images,
        processed=processed.images,
        dropped=received.dropped,
        rejected=rejected_images(received, processed),
    )
