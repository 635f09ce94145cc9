"""ROS messages from and to what the simulation works with."""

import math
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from siamdw_ros.following.camera import Camera
from siamdw_ros.following.control import Motion
from siamdw_ros.node.decoding import image_message
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.simulation.renderer import Picture
from siamdw_ros.simulation.vehicles import Vehicle


def motion_from(twist: Twist) -> Motion:
    """The commanded velocities; those that are not finite are zero."""
    linear, angular = twist.linear, twist.angular
    values = (linear.x, linear.y, linear.z, angular.z)
    return Motion(*(value if math.isfinite(value) else 0.0 for value in values))


def camera_info(camera: Camera, header: Header) -> CameraInfo:
    """The calibration of an ideal camera."""
    message = CameraInfo(header=header, width=camera.width, height=camera.height)
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = camera.matrix.ravel()
    message.r = np.eye(3).ravel()
    message.p = np.hstack([camera.matrix, np.zeros((3, 1))]).ravel()
    return message


def color_image(picture: Picture, header: Header) -> Image:
    """Return the camera's image, bgr8."""
    message = image_message(picture.image)
    message.header = header
    return message


def depth_image(picture: Picture, header: Header) -> Image:
    """The depth of the same view, 32FC1 in metres, of a lower resolution."""
    pixels = np.ascontiguousarray(picture.depth, np.float32)
    height, width = pixels.shape
    message = Image(header=header, height=height, width=width, encoding="32FC1")
    message.step = width * pixels.itemsize
    message.data = pixels.tobytes()
    return message


def odometry(vehicle: Vehicle, header: Header, child_frame: str) -> Odometry:
    """Where the vehicle is, and how it moves in its own frame."""
    message = Odometry(header=header, child_frame_id=child_frame)
    pose, twist = message.pose.pose, message.twist.twist
    pose.position.x, pose.position.y, pose.position.z = map(float, vehicle.position)
    quaternion: Any = pose.orientation
    yaw, pitch = vehicle.yaw / 2, vehicle.tilt() / 2
    quaternion.w = math.cos(yaw) * math.cos(pitch)
    quaternion.x = -math.sin(yaw) * math.sin(pitch)
    quaternion.y = math.cos(yaw) * math.sin(pitch)
    quaternion.z = math.sin(yaw) * math.cos(pitch)
    velocity = vehicle.velocity()
    twist.linear.x, twist.linear.y, twist.linear.z = map(float, velocity)
    twist.angular.z = vehicle.motion.turn
    return message


def truth(boxes: dict[str, Box], header: Header) -> Detection2DArray:
    """The true boxes of those cards that are in the image, whether they are covered or not."""
    message = Detection2DArray(header=header)
    message.detections = [
        Detection2D(header=header, id=name, bbox=box_to_message(box))
        for name, box in boxes.items()
    ]
    return message
