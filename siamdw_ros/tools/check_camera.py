"""Listen to a camera for some seconds, and report what it sends and what to change for tracking.

Reports rate, encoding, size, stamps (clock, age, order), QoS, loss and calibration. The exit code
is 0 if nothing needs to be changed, 1 if something does, 2 if there are no images.
"""

import argparse
import signal
import sys
import time
from typing import Any

from siamdw_ros.tools.command_line import OneLineParser, called_as, number

FIND_SECONDS = 5.0  # time for the discovery of publishers


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line, less what is ROS's."""
    parser = OneLineParser(
        prog=called_as("check_camera"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example: check_camera /camera/image_raw",
    )
    parser.add_argument(
        "topic",
        nargs="?",
        help="of the images, raw or compressed (default: the only one there is)",
    )
    parser.add_argument(
        "--seconds",
        type=lambda text: number(0, 3600, text),
        default=5.0,
        help="how long to listen (default: %(default)s)",
    )
    return parser.parse_args(arguments)


class CameraListener:
    """Collects samples of one topic.

    Args:
        node: Node of the subscription.
        topic: Topic of the images.
        transport: How they arrive.
    """

    def __init__(self, node: Any, topic: str, transport: Any) -> None:
        from rclpy.qos import QoSProfile, ReliabilityPolicy

        try:
            from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
        except ImportError:  # Humble
            from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

        self.samples: list[Any] = []
        self.lost = 0
        self._node = node
        self._transport = transport
        # As the tracker's, but deeper: what is lost here was lost before it came here.
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        message = transport.message
        try:
            events = SubscriptionEventCallbacks(
                message_lost=self._on_lost, use_default_callbacks=False
            )
            node.create_subscription(message, topic, self._on_image, qos, event_callbacks=events)
        except UnsupportedEventTypeError:
            node.create_subscription(message, topic, self._on_image, qos)

    def _on_lost(self, event: Any) -> None:
        self.lost = event.total_count

    def _on_image(self, message: Any) -> None:
        from siamdw_ros.ros.conversions import nanoseconds
        from siamdw_ros.tools.camera_report import Sample

        problem = self._transport.check(message) or ""
        self.samples.append(
            Sample(
                arrived=time.monotonic(),
                now=self._node.get_clock().now().nanoseconds * 1e-9,
                stamp=nanoseconds(message.header.stamp) * 1e-9,
                frame_id=message.header.frame_id,
                size=(getattr(message, "width", 0), getattr(message, "height", 0)),
                encoding=getattr(message, "encoding", "") or getattr(message, "format", ""),
                bytes=len(message.data),
                problem=problem,
            )
        )


def find_topic(node: Any, wanted: str | None) -> tuple[str, str]:
    """Return topic and type of the images, once they are published.

    Raises:
        ValueError: They are not, or it is not clear which topic is meant.
    """
    from siamdw_ros.node.decoding import TRANSPORTS

    types = {f"sensor_msgs/msg/{transport.message.__name__}" for transport in TRANSPORTS.values()}
    name = node.resolve_topic_name(wanted) if wanted else None
    end = time.monotonic() + FIND_SECONDS
    found: dict[str, str] = {}
    while time.monotonic() < end:
        spin(node, 0.2)
        found = {
            topic: kind
            for topic, kinds in node.get_topic_names_and_types()
            for kind in kinds
            if node.get_publishers_info_by_topic(topic) and (kind in types or topic == name)
        }
        if name in found:
            break
    images = [topic for topic, kind in found.items() if kind in types]
    if name is None and len(images) == 1:
        name = images[0]
    others = f"images are on {', '.join(sorted(images))}" if images else "no images are published"
    if name is None:
        raise ValueError(f"which topic? {others}")
    if name not in found:
        raise ValueError(
            f"nothing publishes {name}: {others}; is the driver running, with the same "
            "ROS_DOMAIN_ID?"
        )
    if found[name] not in types:
        raise ValueError(f"{name} has messages of type {found[name]}, not images: {others}")
    return name, found[name]


def spin(node: Any, seconds: float) -> None:
    """Receive for some seconds."""
    import rclpy

    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rclpy.spin_once(node, timeout_sec=left)


def check(node: Any, options: argparse.Namespace) -> int:
    """Check one camera and print the report; return the exit code.

    Raises:
        ValueError: There are no images.
    """
    from siamdw_ros.node.decoding import TRANSPORTS
    from siamdw_ros.tools.camera_report import Publisher, report

    topic, kind = find_topic(node, options.topic)
    transport = TRANSPORTS["compressed" if kind.endswith("CompressedImage") else "raw"]
    listener = CameraListener(node, topic, transport)
    print(f"Listening to {topic} ({kind}) for {options.seconds:g} s", flush=True)
    spin(node, options.seconds)
    publishers = [
        Publisher(f"{info.node_namespace.rstrip('/')}/{info.node_name}", info.qos_profile)
        for info in node.get_publishers_info_by_topic(topic)
    ]
    if not listener.samples:
        names = ", ".join(one.node for one in publishers) or "no node any more"
        raise ValueError(
            f"no image on {topic} in {options.seconds:g} s, though {names} publishes there: the "
            "driver waits for its camera, or large images are lost on the way: see docs/dds.md"
        )
    base = topic.removesuffix(transport.suffix).rpartition("/")[0]
    calibration = f"{base}/camera_info"
    if not node.get_publishers_info_by_topic(calibration):
        calibration = ""
    simulated = node.get_parameter("use_sim_time").value
    made = report(listener.samples, publishers, listener.lost, calibration, simulated)
    print(made.table(topic).text())
    return 1 if made.changes else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions
    from rclpy.utilities import remove_ros_args

    command_line = sys.argv if arguments is None else ["check_camera", *arguments]
    options = parse_arguments(remove_ros_args(command_line)[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init(args=command_line, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node("check_camera")
        return check(node, options)
    except KeyboardInterrupt:
        return 130
    except ValueError as error:
        print(f"check_camera: {error}", file=sys.stderr)
        return 2
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
