"""The node mavlink_camera: MAVLink camera components in front of the tracker's cameras."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.following.messages import observation_from
from siamdw_ros.mavlink.camera import CameraComponent, Request
from siamdw_ros.mavlink.cameras import COMPONENTS, Cameras, Network
from siamdw_ros.mavlink.codec import Packer
from siamdw_ros.mavlink.commands import ACCEPTED
from siamdw_ros.mavlink.feed import Feed
from siamdw_ros.mavlink.flight import STALE_SECONDS, FlightControl, Permissions
from siamdw_ros.mavlink.gimbal import GimbalControl
from siamdw_ros.mavlink.link import open_link
from siamdw_ros.mavlink.messages import CameraDescription
from siamdw_ros.mavlink.settings import MavlinkSettings
from siamdw_ros.mavlink.tracker_client import TrackerClient
from siamdw_ros.node.diagnostics_reader import Camera, read_diagnostics
from siamdw_ros.ros.callbacks import WARN_SECONDS, guarded
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.ros.node_parameters import NodeParameters
from siamdw_ros.siamdw.presence import State

PERIOD = 0.02  # seconds between two reads of the link
SILENCE = 5.0  # seconds without MAVLink of others that are reported


@dataclass
class Offer:
    """One of the tracker's cameras that is a MAVLink component.

    Attributes:
        component: On the MAVLink side.
        feed: On the tracker's side.
        status_topic: Where the tracker reports on the camera.
        subscription: To that topic.
    """

    component: CameraComponent
    feed: Feed
    status_topic: str
    subscription: Any


class MavlinkCameraNode(Node):
    """Ground stations and autopilots start, watch and stop the tracker by MAVLink.

    Everything happens in the executor's thread: a timer takes what has arrived and sends what is
    due, subscriptions and services do the rest.

    Raises:
        ValueError: Parameters are not possible.
        OSError: The link cannot be opened.
    """

    def __init__(self) -> None:
        super().__init__("mavlink_camera")
        self.settings = NodeParameters(self, MavlinkSettings).settings
        settings = self.settings
        settings.check()
        self.link = open_link(settings.connection)
        network = Network(settings.system_id, settings.status_rate, self.link.datagrams)
        self.cameras = Cameras(network, [], time.monotonic())
        self._offers: dict[str, Offer] = {}
        self._left_out: list[str] = []  # cameras without a component id
        self._known: list[str] = []  # all cameras of the tracker
        self._tracker = TrackerClient(self, settings.tracker)
        self._sent = 0
        self._heard = 0.0  # steady time of the last valid packet
        self._malformed = 0  # at the last diagnostics
        self._accepted = 0
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._create_controls(settings)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(PERIOD, self._on_timer, clock=steady)
        self.create_timer(1.0, self._on_diagnostics_timer, clock=steady)

    def _create_controls(self, settings: MavlinkSettings) -> None:
        """Create what passes the follower's commands on, as far as it is wanted."""
        packer = Packer(settings.system_id, settings.own_id)
        if settings.gimbal:
            manager = settings.system_id, settings.gimbal_manager_id
            self.cameras.gimbal = GimbalControl(packer, manager, settings.gimbal_device_id)
            self.create_subscription(TwistStamped, "gimbal_command", self._on_gimbal_command, 1)
        if settings.flight:
            permissions = Permissions(
                settings.flight_forward, settings.flight_climb, settings.flight_lost_seconds
            )
            self.cameras.flight = FlightControl(packer, permissions)
            self.create_subscription(TwistStamped, "flight_command", self._on_flight_command, 1)

    # From the tracker

    @guarded
    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Offer the tracker's present cameras, and learn the size of their images."""
        state = read_diagnostics(message.status, self._tracker.name)
        if state is None or not state.cameras:  # not configured, or no more: what was known holds
            return
        self._known = list(state.cameras)
        wanted = self.settings.names() or self._known
        numbers = {
            name: self.settings.component_id + wanted.index(name)
            for name in wanted
            if name in state.cameras
        }
        self._leave_out([name for name, number in numbers.items() if number not in COMPONENTS])
        for name, offer in list(self._offers.items()):
            # First all that change: a camera may have another one's id now.
            if numbers.get(name) != offer.component.address[1]:
                self._withdraw(name)
        for name, number in numbers.items():
            if number in COMPONENTS:
                self._offer(state.cameras[name], number, self.settings.video(wanted.index(name)))
        for name, images in state.images.items():
            if name in self._offers:
                self._offers[name].feed.size = images.size
                self._offers[name].component.describe(images.size, images.rate)

    def _leave_out(self, names: list[str]) -> None:
        for name in names:
            if name not in self._left_out:
                self.get_logger().warning(
                    f"camera {name} is not offered: there is no component id after "
                    f"{COMPONENTS[-1]}; choose with the parameter cameras"
                )
        self._left_out = names

    def _offer(self, camera: Camera, number: int, video: str) -> None:
        """Make a camera a component, unless it is one, and listen to what the tracker reports."""
        offer = self._offers.get(camera.name)
        if offer is not None and offer.status_topic == camera.status_topic:
            return
        if offer is None:
            device = self.settings.gimbal_device_id if self.settings.gimbal else 0
            description = CameraDescription(camera.name, number, video, device)
            component = self.cameras.add(description, time.monotonic())
            feed = Feed(camera.name, f"mavlink_{number}")
            self.get_logger().info(f"camera {camera.name} is MAVLink component {number}")
        else:  # with a second camera, the tracker renames the topics of the first one
            component = offer.component
            feed = offer.feed
            self.destroy_subscription(offer.subscription)
        subscription = self.create_subscription(
            TrackerStatus,
            camera.status_topic,
            partial(MavlinkCameraNode._on_status, self, component, feed),
            QoSProfile(depth=5),
        )
        self._offers[camera.name] = Offer(component, feed, camera.status_topic, subscription)

    def _withdraw(self, name: str) -> None:
        """Offer a camera no more: the tracker has it no more, or it has another component id."""
        self.destroy_subscription(self._offers.pop(name).subscription)
        self.cameras.remove(name)
        self.get_logger().info(f"camera {name} is no MAVLink component any more")

    @guarded
    def _on_status(self, component: CameraComponent, feed: Feed, status: TrackerStatus) -> None:
        component.update(feed.take(status), time.monotonic())
        flight = self.cameras.flight
        if flight is None or feed.camera != self._flight_camera():
            return
        # The target that the follower follows, chosen as it chooses it: no other one permits
        # anything.
        seen = observation_from(status, self.settings.flight_target_id)
        if seen is not None and seen.state in (State.TRACKED, State.UNCERTAIN):
            flight.seen(time.monotonic())

    def _flight_camera(self) -> str:
        """The camera of the follower's target; empty if it is not known."""
        only = self._known[0] if len(self._known) == 1 else ""
        return self.settings.flight_camera or only

    @guarded
    def _on_gimbal_command(self, message: TwistStamped) -> None:
        """Pass the follower's rates on: ROS turns to the left and looks down, MAVLink does not."""
        turn = message.twist.angular
        if self.cameras.gimbal is not None and self._is_recent(message, "gimbal_command"):
            self.cameras.gimbal.command(-turn.y, -turn.z, time.monotonic())

    @guarded
    def _on_flight_command(self, message: TwistStamped) -> None:
        twist = message.twist
        if self.cameras.flight is not None and self._is_recent(message, "flight_command"):
            velocity = twist.linear.x, twist.linear.y, twist.linear.z
            self.cameras.flight.command(velocity, twist.angular.z, time.monotonic())

    def _is_recent(self, message: TwistStamped, topic: str) -> bool:
        """Return whether a command is of now; without a stamp it counts."""
        stamp = nanoseconds(message.header.stamp)
        age = (self.get_clock().now().nanoseconds - stamp) * 1e-9
        if not stamp or abs(age) < STALE_SECONDS:
            return True
        self.get_logger().warning(
            f"a {topic} is {age:.1f} s old and not passed on: are the clocks synchronised?",
            throttle_duration_sec=WARN_SECONDS,
        )
        return False

    # From and to MAVLink

    @guarded
    def _on_timer(self) -> None:
        """Take what has arrived, ask the tracker, send what is due."""
        now = time.monotonic()
        for data, sender in self.link.receive():
            if self.cameras.receive(data, now):
                self._heard = now
                self.link.heard(sender)
        for request in self.cameras.take_requests():
            self._ask(request)
        self._tracker.check()
        self.cameras.tick(now)
        self._send()

    def _ask(self, request: Request) -> None:
        offer = self._offers[request.camera]
        component = offer.component
        feed = offer.feed

        def done(result: int, message: str) -> None:
            if result == ACCEPTED and request.box is not None:
                feed.started()
            component.answer(request, result, message, time.monotonic())

        if request.box is None:
            self._tracker.ask(feed.stop, done)
        else:
            shown = feed.shown(self.settings.video_delay)  # now, not when its turn comes
            self._tracker.ask(partial(feed.start, request.box, shown), done)

    def _send(self) -> None:
        for packet in self.cameras.take_output():
            self.link.send(packet)
            self._sent += 1

    # Diagnostics

    @guarded
    def _on_diagnostics_timer(self) -> None:
        problems = self._problems(time.monotonic())
        counts = self.cameras.counts
        ids = {name: str(one.address[1]) for name, one in self.cameras.components.items()}
        values = {
            "connection": self.settings.connection,
            "system id": self.settings.system_id,
            **{f"component id of {name}": number for name, number in ids.items()},
            "packets sent": self._sent,
            "packets received": counts.accepted,
            "without use here": self.cameras.unhandled,
            "unknown": counts.unknown,
            "malformed": counts.malformed,
        }
        level = DiagnosticStatus.WARN if problems else DiagnosticStatus.OK
        offered = ", ".join(f"{name} ({number})" for name, number in ids.items())
        status = DiagnosticStatus(
            level=level,
            name=f"{self.get_fully_qualified_name().strip('/')}: link",
            message="; ".join(problems) or f"cameras: {offered}",
            hardware_id="none",
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _problems(self, now: float) -> list[str]:
        """Return what the operator should know, in words."""
        counts = self.cameras.counts
        malformed = counts.malformed - self._malformed
        accepted = counts.accepted - self._accepted
        self._malformed = counts.malformed
        self._accepted = counts.accepted
        controls = [one for one in (self.cameras.gimbal, self.cameras.flight) if one is not None]
        problems = [self.link.problem, *(control.problem for control in controls)]
        if not self._known:
            problems.append(f"no camera: no diagnostics of {self._tracker.name} have come")
        elif not self._offers:
            problems.append(f"no camera: the tracker has only {', '.join(self._known)}")
        elif self.cameras.flight is not None and self._flight_camera() not in self._offers:
            problems.append(
                f"flight_camera is '{self.settings.flight_camera}', expected the follower's of "
                f"{', '.join(self._offers)}: the vehicle stands"
            )
        if self._left_out:
            problems.append(f"not offered: {', '.join(self._left_out)}")
        if malformed > accepted:
            problems.append("most of what arrives is not MAVLink: check the baud rate")
        elif now - self._heard > SILENCE:
            problems.append("nothing is heard of a ground station or autopilot")
        return [problem for problem in problems if problem]

    def halt(self) -> None:
        """Stop gimbal and vehicle, leave the gimbal to others, and close the link."""
        if self.cameras.gimbal is not None:
            self.cameras.gimbal.release()
        if self.cameras.flight is not None:
            self.cameras.flight.stop()
        self._send()
        self.link.close()
