"""Sends images to a tracker node and counts what it received; run by test_small_shared_memory.

python small_shared_memory.py LOG
"""

import json
import shutil
import sys
import threading
import time
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.evaluation.node_process import TrackerProcess

SIZES = ((640, 480), (1920, 1080))
IMAGES = 60  # of each size
RATE = 15.0
PATIENCE = 120.0
MEGABYTE = 1e6


class Sender:
    """A camera whose images have no content, and the newest status of the tracker."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("camera")
        qos = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
        self.images = self.node.create_publisher(Image, "image", qos)
        self.node.create_subscription(TrackerStatus, "siamdw_tracker/status", self._store, 10)
        self.status = TrackerStatus()
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        threading.Thread(target=self.executor.spin, daemon=True).start()

    def _store(self, status: TrackerStatus) -> None:
        self.status = status

    def send(self, size: tuple[int, int]) -> None:
        """Publish one image of `size`, width and height in pixels."""
        width, height = size
        image = Image(width=width, height=height, encoding="bgr8", step=3 * width)
        image.data.frombytes(bytes(3 * width * height))
        image.header.stamp = self.node.get_clock().now().to_msg()
        self.images.publish(image)
        time.sleep(1 / RATE)

    def received(self, size: tuple[int, int]) -> int:
        """Count how many of some images the node receives."""
        end = time.monotonic() + PATIENCE
        while not self.status.received and time.monotonic() < end:
            self.send(size)
        time.sleep(1.0)  # what is on the way of these
        before = self.status.received
        for _ in range(IMAGES):
            self.send(size)
        time.sleep(1.0)
        self.send(size)  # its status has the count of those before
        time.sleep(1.0)
        return min(self.status.received - before, IMAGES)


def main() -> None:
    """Print as JSON how many images of each size arrived, and the shared memory in use."""
    rclpy.init()
    with TrackerProcess(Path(sys.argv[1]), parameters={"device": "cpu", "threads": 1}):
        sender = Sender()
        received = {f"{w}x{h}": sender.received((w, h)) for w, h in SIZES}
        used = shutil.disk_usage("/dev/shm").used / MEGABYTE
    print(json.dumps({"sent": IMAGES, "received": received, "shared_memory_mb": round(used)}))


if __name__ == "__main__":
    main()
