"""The target_pose node: from detections to the position of the target, in metres."""

import math
import sys
from collections import deque
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import (
    Pose,
    PoseStamped,
    PoseWithCovarianceStamped,
    TransformStamped,
    Vector3,
)
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String
from vision_msgs.msg import Detection2D, Detection2DArray
from visualization_msgs.msg import Marker

from siamdw_ros.following.camera import CalibrationError, Camera, Matrix, Vector, box_center
from siamdw_ros.following.messages import box_from, camera_from, depth_pixels, mount_from
from siamdw_ros.following.ranging import position_covariance
from siamdw_ros.following.settings import PoseSettings
from siamdw_ros.following.sources import DepthView, DistanceSources
from siamdw_ros.following.transforms import NoTransformError, Transforms
from siamdw_ros.ros.callbacks import WARN_SECONDS, guarded
from siamdw_ros.ros.conversions import seconds
from siamdw_ros.ros.node_parameters import NodeParameters, ParameterError
from siamdw_ros.ros.running import run_node

DEPTH_IMAGES = 8  # number of depth images that are held, to find the one of a detection
SIGMA_ANGLE = 0.01  # standard deviation of the direction to a box's centre, radians
UNKNOWN_ROTATION = math.pi**2  # variance of an orientation that is not known, rad^2
SILENCE = 1.0  # seconds without a pose after which the source counts as none


class Fix(NamedTuple):
    """Position of the target in one frame, metres, and its covariance, square metres."""

    header: Header
    position: Vector
    covariance: Matrix


class TargetPoseNode(Node):
    """Publishes the target's pose at each image that shows it, and nothing while it is lost.

    Raises:
        ParameterError: A parameter has a value that it cannot have.
    """

    def __init__(self) -> None:
        super().__init__("target_pose")
        self.parameters = NodeParameters(self, PoseSettings, changed=self._on_changed)
        self.parameters.check()
        values = self.parameters.settings
        self.camera: Camera | None = None
        self.sources = DistanceSources(values, mount_from(values))
        self._depths: deque[Image] = deque(maxlen=DEPTH_IMAGES)
        self._no_camera = "no calibrated CameraInfo has arrived"
        self._problem = ""
        self._heard = -math.inf  # ROS times: of the last message of the tracker,
        self._seen = -math.inf  # of the last detection of the target,
        self._last = -math.inf  # and of the last pose
        self.transforms = Transforms(self)
        sensor = qos_profile_sensor_data
        self.create_subscription(Detection2D, "detection", self._on_detection, 5)
        self.create_subscription(Detection2DArray, "detections", self._on_detections, 5)
        self.create_subscription(CameraInfo, "camera_info", self._on_camera_info, sensor)
        if values.use_depth:
            self.create_subscription(Image, "depth", self._on_depth, sensor)
        self._in_camera = self.create_publisher(PoseWithCovarianceStamped, "~/pose_in_camera", 5)
        self._pose = self.create_publisher(PoseStamped, "~/pose", 5)
        self._with_covariance = self.create_publisher(
            PoseWithCovarianceStamped, "~/pose_with_covariance", 5
        )
        self._marker = self.create_publisher(Marker, "~/marker", 5)
        self._source = self.create_publisher(String, "~/source", 5)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._on_diagnostics_timer, clock=steady)
        if values.fixed_frame and not self.transforms.available:
            self.get_logger().warning(
                "tf2_ros is not installed: poses are in the camera's frame instead of "
                f"{values.fixed_frame}"
            )

    def _on_changed(self, values: PoseSettings) -> None:
        self.sources.settings = values
        self.sources.mount = mount_from(values)

    @guarded
    def _on_camera_info(self, info: CameraInfo) -> None:
        try:
            self.camera = camera_from(info, rectified=self.parameters.settings.rectified)
        except CalibrationError as error:
            self.camera = None
            self._no_camera = str(error)
            self.get_logger().warning(str(error), throttle_duration_sec=WARN_SECONDS)

    @guarded
    def _on_depth(self, image: Image) -> None:
        self._depths.append(image)

    @guarded
    def _on_detection(self, detection: Detection2D) -> None:
        """Publish the position of the tracker's first target, unless another one is wanted.

        It cannot be chosen from all detections: those of a lost target are missing there, and the
        next one would be taken for the first.
        """
        self._heard = self._now()
        if not self.parameters.settings.target_id:
            self._locate(detection.header, detection)

    @guarded
    def _on_detections(self, message: Detection2DArray) -> None:
        """Publish the position of the wanted target, if this image shows it."""
        self._heard = self._now()
        wanted = self.parameters.settings.target_id
        for detection in message.detections:
            if wanted and detection.id == wanted:
                self._locate(message.header, detection)

    def _locate(self, header: Header, detection: Detection2D) -> None:
        """Publish the position of the target."""
        self._seen = self._now()
        if self.camera is None:
            self._problem = self._no_camera
            return
        box = box_from(detection.bbox)
        stamp = seconds(header.stamp)
        distance = self.sources.measure(
            detection.id, box, self.camera, stamp, self._depth_at(stamp)
        )
        self._source.publish(String(data=distance.source if distance else "none"))
        if distance is None:
            self._problem = "no source of distance: set use_depth, target_height or start_distance"
            return
        ray = self.camera.rays(np.array([box_center(box)]))[0]
        covariance = position_covariance(ray, distance, SIGMA_ANGLE)
        self._problem = ""
        self._last = self._now()
        self._publish(Fix(header, ray * distance.metres, covariance))

    def _now(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9

    def _depth_at(self, stamp: float) -> DepthView | None:
        """Return the depth image that was taken with the image of this stamp."""
        nearest = min(
            self._depths, key=lambda d: abs(seconds(d.header.stamp) - stamp), default=None
        )
        if nearest is None or self.camera is None:
            return None
        if abs(seconds(nearest.header.stamp) - stamp) > self.parameters.settings.depth_tolerance:
            return None
        return DepthView(depth_pixels(nearest), (self.camera.width, self.camera.height))

    def _publish(self, fix: Fix) -> None:
        self._in_camera.publish(_pose_with_covariance(fix))
        frame = self.parameters.settings.fixed_frame
        in_frame = fix
        if frame and self.transforms.available:
            try:
                found = self.transforms.lookup(frame, fix.header.frame_id, fix.header.stamp)
            except NoTransformError as error:
                self._problem = f"no pose in {frame}: {error}"
                self.get_logger().warning(self._problem, throttle_duration_sec=WARN_SECONDS)
                return
            header = Header(stamp=fix.header.stamp, frame_id=frame)
            in_frame = Fix(header, found.point(fix.position), found.covariance(fix.covariance))
        self._with_covariance.publish(_pose_with_covariance(in_frame))
        self._pose.publish(PoseStamped(header=in_frame.header, pose=_pose(in_frame)))
        self._marker.publish(_marker(in_frame, self.parameters.settings))
        if self.parameters.settings.target_frame:
            self.transforms.send(_transform(fix, self.parameters.settings.target_frame))

    @guarded
    def _on_diagnostics_timer(self) -> None:
        values = self.parameters.settings
        now = self._now()
        problem = self._problem
        if now - self._heard > SILENCE:
            problem = "no detections arrive"
        elif now - self._seen > SILENCE:
            problem = "the target is not seen"
        source = "none" if now - self._last > SILENCE else self.sources.source
        degraded = bool(values.fixed_frame) and not self.transforms.available
        texts = [problem] if problem else []
        if degraded:
            texts.append("tf2_ros is not installed: poses are in the camera's frame")
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if texts else DiagnosticStatus.OK,
            name=f"{self.get_fully_qualified_name().strip('/')}: target pose",
            message="; ".join(texts) or f"distance by {source}",
            hardware_id="none",
            values=[
                KeyValue(key="source of distance", value=source),
                KeyValue(key="rejected jumps", value=str(self.sources.rejected)),
            ],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def _pose(fix: Fix) -> Pose:
    """Return the position as a pose without orientation."""
    message = Pose()
    message.position.x, message.position.y, message.position.z = map(float, fix.position)
    return message


def _pose_with_covariance(fix: Fix) -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped(header=fix.header)
    message.pose.pose = _pose(fix)
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = fix.covariance
    covariance[3:, 3:] = np.eye(3) * UNKNOWN_ROTATION
    message.pose.covariance = covariance.ravel()
    return message


def _marker(fix: Fix, settings: PoseSettings) -> Marker:
    """Return a cylinder of the target's size, for RViz."""
    marker = Marker(header=fix.header, ns="target", type=Marker.CYLINDER, action=Marker.ADD)
    marker.pose = _pose(fix)
    width = settings.target_width or 0.4
    marker.scale = Vector3(x=width, y=width, z=settings.target_height or 0.4)
    marker.color.r = 1.0
    marker.color.g = 0.6
    marker.color.a = 0.8
    marker.lifetime.nanosec = 500_000_000
    return marker


def _transform(fix: Fix, frame: str) -> TransformStamped:
    """Return the target as a child of the camera's frame, for display."""
    message = TransformStamped(header=fix.header, child_frame_id=frame)
    x, y, z = map(float, fix.position)
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation.w = 1.0
    return message


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted."""
    try:
        run_node(TargetPoseNode, args)
    except ParameterError as error:
        sys.exit(f"target_pose: {error}")
