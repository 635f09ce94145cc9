"""The follower node: from the tracker's status and the target's distance to velocity commands."""

import math
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseWithCovarianceStamped, Twist, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from siamdw_msgs.msg import TrackerStatus
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from siamdw_ros.following.camera import CalibrationError
from siamdw_ros.following.command_loop import CommandLoop
from siamdw_ros.following.control import STOP, Motion
from siamdw_ros.following.guard import Command, Guard, Now
from siamdw_ros.following.messages import (
    camera_from,
    depth_pixels,
    mount_from,
    observation_from,
    obstacles_from,
    pose_from,
    twist_from,
    waited,
)
from siamdw_ros.following.obstacles import points_from_depth
from siamdw_ros.following.pilot import Pilot, Plan
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.ros.callbacks import WARN_SECONDS, guarded
from siamdw_ros.ros.conversions import seconds
from siamdw_ros.ros.node_parameters import NodeParameters, ParameterError
from siamdw_ros.ros.running import run_node

ENDING_ZEROS = 15  # commands of zero after a stop; then other nodes can use the topic
ENDING_SECONDS = 0.5  # longest wait until the last zero has arrived
ROBOT_HEIGHT = 1.0  # metres above the ground: depth points higher than this are not obstacles
STATE_PERIOD = 0.1  # seconds


class FollowerNode(Node):
    """Follows the tracker's target. Stands until ~/start, and until ~/enable is true.

    For each status from the tracker, the executor's thread makes a plan. The command loop's
    thread turns the newest plan into commands. The guard has a lock; `_sent` is a deque, whose
    `append` and `popleft` are atomic; everything else that both threads use is replaced as a
    whole by one of them.

    Raises:
        ParameterError: A parameter has a value that it cannot have.
    """

    def __init__(self) -> None:
        super().__init__("follower")
        self.parameters = NodeParameters(self, FollowSettings, changed=self._on_changed)
        self.parameters.check()
        values = self.parameters.settings
        self.pilot = Pilot(values, mount_from(values))
        self.guard = Guard(values)
        self._zeros = 0
        # Commands that are not yet in the dead reckoning, with the time at which they were sent.
        self._sent: deque[tuple[float, Motion]] = deque(maxlen=100)
        self._plan: Plan | None = None
        self._problem = ""
        self._last = Command(STOP, ("starting",), math.inf)
        kind = TwistStamped if values.stamped else Twist
        self._commands = self.create_publisher(kind, "cmd_vel", 1)
        self._plans = self.create_publisher(TwistStamped, "~/command", 5)
        self._states = self.create_publisher(DiagnosticStatus, "~/state", 1)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self._subscribe(values)
        self.create_service(Trigger, "~/start", self._on_start)
        self.create_service(Trigger, "~/stop", self._on_stop)
        self.create_service(SetBool, "~/preview", self._on_preview)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(STATE_PERIOD, self._on_state_timer, clock=steady)
        self.create_timer(1.0, self._on_diagnostics_timer, clock=steady)
        self._loop = CommandLoop(1 / values.command_rate, self._command)
        self._loop.start()

    def _subscribe(self, values: FollowSettings) -> None:
        sensor = qos_profile_sensor_data
        self.create_subscription(TrackerStatus, "status", self._on_status, 5)
        self.create_subscription(CameraInfo, "camera_info", self._on_camera_info, sensor)
        self.create_subscription(
            PoseWithCovarianceStamped, "target", self._on_target, qos_profile_sensor_data
        )
        self.create_subscription(Bool, "~/enable", self._on_enable, 1)
        if values.use_odometry:
            self.create_subscription(Odometry, "odom", self._on_odometry, sensor)
        if values.obstacle_source == "scan":
            self.create_subscription(LaserScan, "scan", self._on_scan, sensor)
        elif values.obstacle_source == "depth":
            self.create_subscription(Image, "depth", self._on_depth, sensor)

    def now(self) -> Now:
        """Return the time of both clocks."""
        return Now(self.get_clock().now().nanoseconds * 1e-9, time.monotonic())

    def arrival(self, info: Mapping[str, int]) -> Now:
        """Return when a message arrived, which is earlier than its callback runs."""
        now = self.now()
        return Now(now.ros, now.steady - waited(info))

    # Callbacks of subscriptions

    @guarded
    def _on_status(self, status: TrackerStatus) -> None:
        """Make a plan from the newest image's result."""
        now = self.now()
        while self._sent:
            self._integrate(*self._sent.popleft())
        seen = observation_from(status, self.parameters.settings.target_id)
        plan = self.pilot.plan(seen, seconds(status.header.stamp))
        self.guard.accept(plan, seen, now)
        self._plan = plan
        message = TwistStamped(twist=twist_from(plan.motion))
        message.header.stamp = status.header.stamp
        message.header.frame_id = self.parameters.settings.command_frame
        self._plans.publish(message)

    @guarded
    def _on_target(self, message: PoseWithCovarianceStamped) -> None:
        where = message.pose.pose.position
        position = np.array([where.x, where.y, where.z])
        ray = position / max(float(np.linalg.norm(position)), 1e-6)
        covariance = np.array(message.pose.covariance).reshape(6, 6)[:3, :3]
        variance = float(ray @ covariance @ ray)
        if not np.isfinite(position).all() or not variance >= 0:
            raise ValueError(f"target at {position.tolist()} with variance {variance:g}")
        self.pilot.measure(seconds(message.header.stamp), position, math.sqrt(variance))

    @guarded
    def _on_camera_info(self, info: CameraInfo) -> None:
        try:
            self.pilot.camera = camera_from(info, rectified=self.parameters.settings.rectified)
            self._problem = ""
        except CalibrationError as error:
            self.pilot.camera = None
            self._problem = str(error)
            self.get_logger().warning(str(error), throttle_duration_sec=WARN_SECONDS)

    @guarded
    def _on_enable(self, message: Bool, info: Mapping[str, int]) -> None:
        if self.guard.enable(message.data, self.arrival(info)):
            self.pilot.accept_other()

    @guarded
    def _on_odometry(self, message: Odometry, info: Mapping[str, int]) -> None:
        pose = pose_from(message)
        self.pilot.own.add(pose)
        self.guard.odometry(float(pose.position[2]), self.arrival(info))

    @guarded
    def _on_scan(self, scan: LaserScan, info: Mapping[str, int]) -> None:
        points = obstacles_from(scan, self.parameters.settings)
        self.guard.obstacles(points, self.arrival(info))

    @guarded
    def _on_depth(self, image: Image, info: Mapping[str, int]) -> None:
        if self.pilot.camera is None:
            return
        points = points_from_depth(
            depth_pixels(image), self.pilot.camera, self.pilot.mount, ROBOT_HEIGHT
        )
        self.guard.obstacles(points, self.arrival(info))

    # Services and parameters

    @guarded
    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Follow the tracker's target from now on, also after a search was given up."""
        self.pilot.restart()
        response.success = True
        response.message = "; ".join(self.guard.start(self.now())) or "following"
        return response

    @guarded
    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.guard.stop()
        response.success = True
        response.message = "stopped"
        return response

    @guarded
    def _on_preview(self, request: SetBool.Request, response: SetBool.Response) -> Any:
        """Only show commands on ~/command, or let the robot move."""
        self.guard.set_preview(request.data)
        response.success = True
        response.message = "preview only" if request.data else "commands go to cmd_vel"
        return response

    def _on_changed(self, values: FollowSettings) -> None:
        self.pilot.settings = values
        self.pilot.mount = mount_from(values)
        self.guard.configure(values)

    # Commands, in the command loop's thread

    def _command(self) -> None:
        """Decide on a command and publish it; if deciding fails, it is zero."""
        try:
            command = self.guard.command(self.now())
        except Exception as error:
            command = Command(STOP, (f"internal error: {error!r}",), math.inf)
            self.get_logger().error(command.reasons[0], throttle_duration_sec=WARN_SECONDS)
        self._last = command
        self._send(command.motion)

    @guarded
    def _send(self, motion: Motion) -> None:
        if self.guard.started and not self.guard.preview:
            self._zeros = ENDING_ZEROS
        if self._zeros > 0:
            self._zeros -= motion.stands()
            self._commands.publish(self._twist(motion))
        if not self.parameters.settings.use_odometry:
            self._sent.append((self.now().ros, motion))

    def _integrate(self, sent: float, motion: Motion) -> None:
        """Add a command to the dead reckoning; `sent` is its time in seconds."""
        linear = np.array([motion.forward, motion.left, motion.up])
        self.pilot.own.integrate(sent, linear, np.array([0.0, 0.0, motion.turn]))

    def _twist(self, motion: Motion) -> Twist | TwistStamped:
        twist = twist_from(motion)
        if not self.parameters.settings.stamped:
            return twist
        message = TwistStamped(twist=twist)
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = self.parameters.settings.command_frame
        return message

    def _state(self) -> DiagnosticStatus:
        """Return the mode, and every reason why the robot stands or is slowed down."""
        command = self._last
        plan = self._plan
        mode = plan.mode if plan is not None and self.guard.started else "disabled"
        reasons = [*command.reasons, *([self._problem] if self._problem else [])]
        obstacle = self.guard.nearest_obstacle()
        level = DiagnosticStatus.WARN if reasons and self.guard.started else DiagnosticStatus.OK
        values = {
            "mode": mode,
            "bearing": _text(plan.bearing if plan else None),
            "distance": _text(plan.distance if plan else None),
            "nearest obstacle": _text(obstacle[1] if obstacle else None),
            "bearing of it": _text(obstacle[0] if obstacle else None),
            "image age": _text(command.age),
            "forward": _text(command.motion.forward),
            "left": _text(command.motion.left),
            "up": _text(command.motion.up),
            "turn": _text(command.motion.turn),
            "obstacle sensor": self.parameters.settings.obstacle_source,
        }
        return DiagnosticStatus(
            level=level,
            name=f"{self.get_fully_qualified_name().strip('/')}: follower",
            message="; ".join(reasons) or mode,
            hardware_id="none",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )

    @guarded
    def _on_state_timer(self) -> None:
        self._states.publish(self._state())

    @guarded
    def _on_diagnostics_timer(self) -> None:
        state = self._state()
        if (
            self.parameters.settings.obstacle_source == "none"
            and state.level == DiagnosticStatus.OK
        ):
            state.message += " (no obstacle sensor)"
        message = DiagnosticArray(status=[state])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def halt(self) -> None:
        """End the command loop and publish a last command of zero."""
        self._loop.end()
        if self._zeros > 0 and self.context.ok():
            self._commands.publish(self._twist(STOP))
            # DDS sends it in another thread, which would end with the process.
            self._commands.wait_for_all_acked(Duration(seconds=ENDING_SECONDS))


def _text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted."""
    try:
        run_node(FollowerNode, args, halt=FollowerNode.halt)
    except ParameterError as error:
        sys.exit(f"follower: {error}")
