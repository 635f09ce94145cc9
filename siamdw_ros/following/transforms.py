"""Transforms at an image's stamp, where tf2_ros is installed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time

from siamdw_ros.following.camera import Matrix, Vector, rotation_from_quaternion

try:
    import tf2_ros
except ImportError:  # the PyPI wheels lack it
    tf2_ros = None


class NoTransformError(RuntimeError):
    """A transform is not known; the message has the reason."""


@dataclass(frozen=True)
class Transform:
    """Transform from one frame to another.

    Attributes:
        rotation: 3 x 3.
        translation: Metres.
    """

    rotation: Matrix
    translation: Vector

    def point(self, point: Vector) -> Vector:
        """Transform a point."""
        return np.asarray(self.rotation @ point + self.translation)

    def covariance(self, covariance: Matrix) -> Matrix:
        """Transform a 3 x 3 covariance."""
        return np.asarray(self.rotation @ covariance @ self.rotation.T)


def transform_from(message: TransformStamped) -> Transform:
    """Return the transform of a message."""
    q, t = message.transform.rotation, message.transform.translation
    return Transform(rotation_from_quaternion(q.x, q.y, q.z, q.w), np.array([t.x, t.y, t.z]))


class Transforms:
    """Listens to TF and sends to it.

    Args:
        node: Node of the listener and the broadcaster.
    """

    def __init__(self, node: Node) -> None:
        self.available = tf2_ros is not None
        if self.available:
            self._buffer: Any = tf2_ros.Buffer(node=node)
            self._listener = tf2_ros.TransformListener(self._buffer, node)
            self._broadcaster = tf2_ros.TransformBroadcaster(node)

    def lookup(self, target: str, source: str, stamp: Stamp) -> Transform:
        """Return the transform from `source` to `target` at exactly a stamp, never the newest one.

        Raises:
            NoTransformError: It is not known.
        """
        if not self.available:
            raise NoTransformError("tf2_ros is not installed")
        try:
            found = self._buffer.lookup_transform(target, source, Time.from_msg(stamp))
        except tf2_ros.TransformException as error:
            raise NoTransformError(f"{source} to {target}: {error}") from error
        return transform_from(found)

    def send(self, message: TransformStamped) -> None:
        """Publish a transform on TF."""
        if self.available:
            self._broadcaster.sendTransform(message)
