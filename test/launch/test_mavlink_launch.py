"""The launch file starts a MAVLink camera, which a ground station finds and commands."""

import tempfile
import unittest
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")
pytest.importorskip("pymavlink", reason="pymavlink is not installed")

import launch_testing.asserts
import launch_testing.markers
import numpy as np
from ground_station import ACCEPTED, UdpStation
from launch import LaunchDescription
from launched import LAUNCH_FILES, RobotTest, launch_tracker
from pymavlink.dialects.v20 import common as mavlink
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from siamdw_ros.node.decoding import image_message

TOPIC, COMPONENT = "/camera/image_raw", 100
CORNERS = (0.25, 0.25, 0.75, 0.75)  # of the rectangle, in shares of the image
DEFAULTS = LAUNCH_FILES.parent / "config" / "mavlink.yaml"
DEFAULT_ADDRESS = "udpout:127.0.0.1:14550"


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> tuple[LaunchDescription, dict[str, object]]:
    """Start both nodes, under another name and in a namespace, with the default parameters.

    Only the port is another: other programs of this machine may use the default one.
    """
    station = UdpStation()
    folder = tempfile.TemporaryDirectory()
    file = Path(folder.name, "mavlink.yaml")
    text = DEFAULTS.read_text()
    assert DEFAULT_ADDRESS in text
    file.write_text(text.replace(DEFAULT_ADDRESS, f"udpout:127.0.0.1:{station.port}"))
    description = launch_tracker(
        namespace="robot",
        name="follower",
        image_topic=TOPIC,
        mavlink="true",
        mavlink_params_file=str(file),
    )
    return description, {"station": station, "folder": folder}


class TestGroundStation(RobotTest):
    """While both run."""

    def test_it_finds_the_camera_and_tracks_a_rectangle(self, station: UdpStation) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
        images = self.node.create_publisher(Image, TOPIC, QoSProfile(depth=1))
        self.node.create_timer(0.2, lambda: images.publish(self.stamped(pixels)))

        heartbeat = self.hear(station, "HEARTBEAT")
        self.assertEqual(heartbeat.type, mavlink.MAV_TYPE_CAMERA)
        station.command(mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_CAMERA_INFORMATION)
        flags = self.hear(station, "CAMERA_INFORMATION").flags
        self.assertTrue(flags & mavlink.CAMERA_CAP_FLAGS_HAS_TRACKING_RECTANGLE)
        command = mavlink.MAV_CMD_CAMERA_TRACK_RECTANGLE
        self.wait(lambda: self.result(station, command, *CORNERS) == ACCEPTED, "a start")
        status = self.hear(station, "CAMERA_TRACKING_IMAGE_STATUS")
        self.assertTrue(status.tracking_status & mavlink.CAMERA_TRACKING_STATUS_FLAGS_ACTIVE)

    def hear(self, station: UdpStation, kind: str):
        """Show images and listen until the camera has sent a message of a kind."""

        def heard():
            station.listen()
            return station.last(kind, COMPONENT)

        self.wait(heard, kind)
        return station.last(kind, COMPONENT)

    def result(self, station: UdpStation, command: int, *parameters: float) -> int:
        """Send a command, and show images until it is answered."""
        station.received.clear()
        station.command(command, *parameters)

        def results() -> list[int]:
            station.listen()
            in_progress = mavlink.MAV_RESULT_IN_PROGRESS
            return [one for one in station.results(command) if one != in_progress]

        self.wait(results, f"an answer of command {command}")
        return results()[0]

    def stamped(self, pixels: np.ndarray) -> Image:
        message = image_message(pixels)
        message.header.stamp = self.node.get_clock().now().to_msg()
        return message


@launch_testing.post_shutdown_test()
class TestEndedNodes(unittest.TestCase):
    """After Ctrl-C."""

    def test_they_end_with_exit_code_0(
        self, proc_info, station: UdpStation, folder: tempfile.TemporaryDirectory
    ) -> None:
        station.socket.close()
        folder.cleanup()
        self.assertEqual(len(proc_info.process_names()), 2)
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0])
