"""Measure the processor time per VGA image of a wait set against a second node and executor.

python test/node/measure_receiving.py [--images 300]
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from statistics import median

import numpy as np
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from siamdw_ros.node.decoding import image_message
from siamdw_ros.node.receiver import Receiver
from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.rclpy_internals import NotForTheExecutor

QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
RATE = 30.0  # images per second


def send(count: int) -> None:
    """Be the camera: publish images to whoever subscribes."""
    node = Node("measure_camera")
    publisher = node.create_publisher(Image, "measured_image", QOS)
    message = image_message(np.zeros((480, 640, 3), np.uint8))
    while not publisher.get_subscription_count():
        time.sleep(0.01)
    for _ in range(count):
        publisher.publish(message)
        time.sleep(1 / RATE)


def measure(private: bool, count: int) -> float:
    """Return the milliseconds of processor time per image in the receiving thread."""
    node = Node("measure_receiver")
    seconds: list[float] = []
    received = threading.Event()

    def on_image(_message: Image) -> None:
        seconds.append(time.thread_time())
        if len(seconds) >= count * 0.9:
            received.set()

    group = NotForTheExecutor() if private else MutuallyExclusiveCallbackGroup()
    subscription = node.create_subscription(
        Image, "measured_image", on_image, QOS, callback_group=group
    )
    receiver, executor = None, None
    if private:
        receiver = Receiver(node, [subscription], ThrottledLog(node))
        receiver.start()
    else:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        threading.Thread(target=executor.spin, daemon=True).start()
    camera = subprocess.Popen([sys.executable, __file__, "--send", str(count)])
    assert received.wait(60 + 2 * count / RATE), f"{len(seconds)} images arrived"
    camera.wait()
    if receiver is not None:
        receiver.end(5.0)
    if executor is not None:
        executor.shutdown()
    node.destroy_node()
    return 1e3 * (seconds[-1] - seconds[0]) / (len(seconds) - 1)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=150, help="images per run")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, taken in turns")
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    rclpy.init()
    if options.send:
        send(options.send)
        return
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(options.runs):
        for private in (True, False):
            found[private].append(measure(private, options.images))
    for private, name in ((True, "wait set"), (False, "second node, executor")):
        values = ", ".join(f"{value:.2f}" for value in found[private])
        print(f"{name}: median {median(found[private]):.2f} ms per VGA image ({values})")


if __name__ == "__main__":
    main()
