"""The simulation node: a robot with a camera in a rendered place, driven by velocity commands."""

import dataclasses
import math
import sys
import time
from collections import deque
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from siamdw_msgs.srv import StartTracking
from std_msgs.msg import Bool, Header
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2DArray

from siamdw_ros.evaluation.node_process import use_fastdds_profile
from siamdw_ros.following.camera import Camera
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.ros.callbacks import guarded
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.ros.running import run_node
from siamdw_ros.simulation.closed_loop import vehicle_for
from siamdw_ros.simulation.messages import (
    camera_info,
    color_image,
    depth_image,
    motion_from,
    odometry,
    truth,
)
from siamdw_ros.simulation.renderer import Renderer
from siamdw_ros.simulation.scenarios import SCENARIOS, Actors

COMMAND_SECONDS = 0.5  # age of a command from which on the robot stands, as the bases of robots do
MAX_STEP = 0.1  # seconds of motion at a time, whatever the machine was busy with
OPERATOR_PERIOD = 0.1  # seconds
ASK_SECONDS = 2.0  # between two calls of a service that has not succeeded
PARAMETERS = (
    ("scenario", "turning", f"one of {', '.join(s.name for s in SCENARIOS)}"),
    ("vehicle", "base", "base or drone"),
    ("rate", 12.0, "images per second"),
    ("motion_rate", 50.0, "steps of the robot and odometry messages per second"),
    ("seed", 3, "of the place and of what people wear"),
    ("stamped", True, "TwistStamped on cmd_vel; false: Twist"),
    ("operate", False, "start the target and the follower, and enable it, as an operator would"),
    ("tracker", "siamdw_tracker", "name of the tracker node, for operate"),
    ("follower", "follower", "name of the follower node, for operate"),
)


class SimulationNode(Node):
    """A robot, its camera and the people around it. When the scenario is over it starts again."""

    def __init__(self) -> None:
        super().__init__("simulation")
        values = {
            name: self.declare_parameter(
                name, default, ParameterDescriptor(description=text, read_only=True)
            ).value
            for name, default, text in PARAMETERS
        }
        for name in ("rate", "motion_rate"):
            if not values[name] > 0:
                raise ValueError(f"{name} {values[name]:g} must be above 0")
        self._scenario = _scenario(values["scenario"])
        self._kind = str(values["vehicle"])
        self._camera = Camera.from_field_of_view(640, 480, math.radians(70))
        self._renderer = Renderer(self._camera, values["seed"])
        self._actors = Actors(self._scenario, values["seed"])
        self._command: tuple[Motion, float] = (STOP, -math.inf)
        self._restart()
        sensor = qos_profile_sensor_data
        self._image = self.create_publisher(Image, "camera/image_raw", sensor)
        self._info = self.create_publisher(CameraInfo, "camera/camera_info", sensor)
        self._depth = self.create_publisher(Image, "camera/depth", sensor)
        self._odometry = self.create_publisher(Odometry, "odom", sensor)
        self._truth = self.create_publisher(Detection2DArray, "~/truth", 5)
        kind: Any = TwistStamped if values["stamped"] else Twist
        self.create_subscription(kind, "cmd_vel", self._on_command, 1)
        self.create_service(Trigger, "~/restart", self._on_restart)
        self._operator = Operator(self, values) if values["operate"] else None
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / values["motion_rate"], self._on_motion_timer, clock=steady)
        self.create_timer(1 / values["rate"], self._on_camera_timer, clock=steady)

    @property
    def time(self) -> float:
        """Of the scenario, seconds."""
        return time.monotonic() - self._begun

    def _restart(self) -> None:
        """Put the robot and the people where they are at the scenario's start."""
        self._vehicle, _ = vehicle_for(self._kind)
        self._begun = time.monotonic()
        self._moved = self._begun

    @guarded
    def _on_restart(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._restart()
        response.success = True
        response.message = f"{self._scenario.name} starts again"
        return response

    @guarded
    def _on_command(self, message: Any) -> None:
        twist = message.twist if isinstance(message, TwistStamped) else message
        self._command = (motion_from(twist), time.monotonic())

    @guarded
    def _on_motion_timer(self) -> None:
        """Move the robot for the time since the last step."""
        now = time.monotonic()
        motion, since = self._command
        if now - since > COMMAND_SECONDS:
            motion = STOP
        self._vehicle.step(motion, min(max(now - self._moved, 1e-4), MAX_STEP))
        self._moved = now
        self._odometry.publish(odometry(self._vehicle, self._header("odom"), "base_link"))

    @guarded
    def _on_camera_timer(self) -> None:
        """Render what the camera sees now."""
        if self.time > self._scenario.seconds:
            self._restart()
            if self._operator:
                self._operator.start_again()
        begin, end = self._scenario.stall
        if begin <= self.time < end:
            return
        header = self._header("camera_optical_frame")
        picture = self._renderer.render(self._vehicle.view(), self._actors.cards(self.time))
        self._info.publish(camera_info(self._camera, header))
        self._depth.publish(depth_image(picture, header))
        self._image.publish(color_image(picture, header))
        self._truth.publish(truth(picture.boxes, header))
        if self._operator and "target" in picture.boxes:
            self._operator.shown(header, picture.boxes["target"])

    def _header(self, frame: str) -> Header:
        return Header(stamp=self.get_clock().now().to_msg(), frame_id=frame)


class Operator:
    """Does what an operator does: starts the target and the follower, and enables it.

    Args:
        node: of the simulation.
        values: of its parameters.
    """

    def __init__(self, node: Node, values: dict[str, Any]) -> None:
        self._track = node.create_client(StartTracking, f"{values['tracker']}/start_tracking")
        self._follow = node.create_client(Trigger, f"{values['follower']}/start")
        self._enable = node.create_publisher(Bool, f"{values['follower']}/enable", 1)
        # The oldest one counts: the tracker has received its image by now.
        self._shown: deque[StartTracking.Request] = deque(maxlen=4)
        self.start_again()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(OPERATOR_PERIOD, self._on_timer, clock=steady)

    def start_again(self) -> None:
        """Start a target on one of the next images."""
        self._waiting = [self._track, self._follow]
        self._shown.clear()
        self._asked = -math.inf

    def shown(self, header: Header, box: tuple[float, float, float, float]) -> None:
        """Note the newest image and the target's box in it."""
        self._shown.append(
            StartTracking.Request(
                header=Header(stamp=header.stamp), target_id="person", bbox=box_to_message(box)
            )
        )

    def _on_timer(self) -> None:
        self._enable.publish(Bool(data=True))
        if not self._waiting or not self._shown:
            return
        client = self._waiting[0]
        if time.monotonic() - self._asked < ASK_SECONDS or not client.service_is_ready():
            return
        self._asked = time.monotonic()
        request = self._shown[0] if client is self._track else Trigger.Request()
        client.call_async(request).add_done_callback(
            lambda future: self._on_answer(client, future)
        )

    def _on_answer(self, client: Any, future: Any) -> None:
        """Go on to the next service, or ask again later."""
        answer = None if future.exception() else future.result()
        if answer is not None and answer.success and self._waiting[:1] == [client]:
            self._waiting.pop(0)
            self._asked = -math.inf


def _scenario(name: str) -> Any:
    """The scenario of a name, with time to see its end.

    Raises:
        ValueError: there is none.
    """
    for scenario in SCENARIOS:
        if scenario.name == name:
            return dataclasses.replace(scenario, seconds=scenario.seconds + 5.0)
    raise ValueError(
        f"there is no scenario '{name}': expected {', '.join(s.name for s in SCENARIOS)}"
    )


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted."""
    use_fastdds_profile()
    try:
        run_node(SimulationNode, args)
    except ValueError as error:
        sys.exit(f"simulation: {error}")
