"""The follower's velocities as setpoints for a copter's autopilot, and when not to send them."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink.codec import Packer, fits

STALE_SECONDS = 0.5  # without a command the vehicle is to stand still
HEARTBEAT_SECONDS = 3.0  # without one the autopilot counts as disconnected
ZEROS = 5  # setpoints of zero after the last command: some may be lost on the way
ASK_SECONDS = 1.0  # between two requests to leave the mode
MAX_OUTPUT = 64
COPTERS = (
    mavlink.MAV_TYPE_QUADROTOR,
    mavlink.MAV_TYPE_COAXIAL,
    mavlink.MAV_TYPE_HELICOPTER,
    mavlink.MAV_TYPE_HEXAROTOR,
    mavlink.MAV_TYPE_OCTOROTOR,
    mavlink.MAV_TYPE_TRICOPTER,
    mavlink.MAV_TYPE_DODECAROTOR,
)
# Velocity and yaw rate count, everything else of the setpoint does not.
TYPE_MASK = 0b0000_0101_1100_0111


@dataclass(frozen=True)
class Modes:
    """Flight modes of one autopilot.

    Attributes:
        guided: `custom_mode` in which it takes setpoints: GUIDED, or OFFBOARD.
        hold: Second and third parameter of MAV_CMD_DO_SET_MODE for the mode in which it stays
            where it is, whatever the sticks do: BRAKE, or HOLD (AUTO.LOITER).
    """

    guided: int
    hold: tuple[int, int]


MODES = {
    mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA: Modes(4, (17, 0)),
    mavlink.MAV_AUTOPILOT_PX4: Modes(6 << 16, (4, 3)),
}


@dataclass(frozen=True)
class Permissions:
    """Permissions of vision over the vehicle.

    Attributes:
        forward: Move sideways, forwards and backwards.
        climb: Climb. Nothing permits to descend: whether there is room below no camera that
            looks ahead can see.
        lost_seconds: Without the target after which the flight mode is left.
    """

    forward: bool = False
    climb: bool = False
    lost_seconds: float = 3.0


class FlightControl:
    """Sends SET_POSITION_TARGET_LOCAL_NED while the follower commands.

    It neither arms nor enters a flight mode: the pilot does, and takes the vehicle back by
    choosing another mode. When the target is lost for too long, it leaves the mode itself.

    All times are of a steady clock, in seconds.

    Args:
        packer: Of the component that the messages come from.
        permissions: What vision may do.
    """

    def __init__(self, packer: Packer, permissions: Permissions) -> None:
        self.permissions = permissions
        self.problem = "no heartbeat of an autopilot"
        self._system = packer.address[0]
        self._packer = packer
        self._output: deque[bytes] = deque(maxlen=MAX_OUTPUT)
        self._autopilot: Any = None  # its last heartbeat
        self._heard = -math.inf
        self._seen: float | None = None  # time at which the target was seen last
        self._commanded = -math.inf
        self._asked = -math.inf
        self._zeros = 0  # still to send when the follower is silent

    def heartbeat(self, message: Any, now: float) -> None:
        """Take a HEARTBEAT; only that of our own vehicle's autopilot counts.

        Args:
            message: Of pymavlink.
            now: Time.
        """
        sender = message.get_srcSystem(), message.get_srcComponent()
        if sender == (self._system, mavlink.MAV_COMP_ID_AUTOPILOT1):
            self._autopilot = message
            self._heard = now

    def seen(self, now: float) -> None:
        """Record that the target is tracked.

        Args:
            now: Time.
        """
        self._seen = now

    def command(self, velocity: tuple[float, float, float], turn: float, now: float) -> None:
        """Pass a command on, as far as it is permitted; zero while the target is lost.

        Args:
            velocity: Forward, left and up, m/s.
            turn: To the left, rad/s.
            now: Time.
        """
        self._commanded = now
        if self._modes(now) is None:
            return
        if self._lost(now) or not fits(*velocity, turn):
            self._turn_and_move((0.0, 0.0, 0.0), 0.0)
            return
        forward, left, up = velocity if self.permissions.forward else (0.0, 0.0, velocity[2])
        up = max(up, 0.0) if self.permissions.climb else 0.0
        self._zeros = ZEROS
        self._turn_and_move((forward, -left, -up), -turn)

    def tick(self, now: float) -> None:
        """Stand still when the follower is silent; leave the mode when the target is lost.

        Args:
            now: Time.
        """
        modes = self._modes(now)
        if modes is None:
            return
        self.problem = "the target is lost: the vehicle stands" if self._lost(now) else ""
        if self._zeros and now - self._commanded > STALE_SECONDS:
            self._zeros -= 1
            self._turn_and_move((0.0, 0.0, 0.0), 0.0)
        guided = self._autopilot.custom_mode == modes.guided
        armed = self._autopilot.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED
        follows = now - self._commanded < HEARTBEAT_SECONDS
        if not (guided and armed and follows and self._lost(now)):
            return
        if now - self._asked >= ASK_SECONDS:
            self._asked = now
            self._send(
                mavlink.MAVLink_command_long_message(
                    self._system,
                    mavlink.MAV_COMP_ID_AUTOPILOT1,
                    mavlink.MAV_CMD_DO_SET_MODE,
                    0,
                    mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED,
                    *modes.hold,
                    0,
                    0,
                    0,
                    0,
                )
            )

    def stop(self) -> None:
        """Let the vehicle stand still: the node ends."""
        if self._zeros:
            self._zeros = 0
            self._turn_and_move((0.0, 0.0, 0.0), 0.0)

    def take_output(self) -> list[bytes]:
        """Return the packets to send, and forget them."""
        packets = list(self._output)
        self._output.clear()
        return packets

    def _modes(self, now: float) -> Modes | None:
        """The modes of the autopilot; None if it is silent, or not of a copter that is known."""
        if self._autopilot is None or now - self._heard > HEARTBEAT_SECONDS:
            self.problem = "no heartbeat of an autopilot"
            return None
        if self._autopilot.type not in COPTERS or self._autopilot.autopilot not in MODES:
            self.problem = (
                f"the vehicle (MAV_TYPE {self._autopilot.type}, MAV_AUTOPILOT "
                f"{self._autopilot.autopilot}) is no copter with ArduPilot or PX4"
            )
            return None
        return MODES[self._autopilot.autopilot]

    def _lost(self, now: float) -> bool:
        return self._seen is None or now - self._seen > self.permissions.lost_seconds

    def _turn_and_move(self, velocity: tuple[float, float, float], turn: float) -> None:
        """Send a setpoint: forward, right and down, m/s; to the right, rad/s."""
        message = mavlink.MAVLink_set_position_target_local_ned_message(
            0,
            self._system,
            mavlink.MAV_COMP_ID_AUTOPILOT1,
            mavlink.MAV_FRAME_BODY_NED,
            TYPE_MASK,
            *(0.0, 0.0, 0.0),
            *velocity,
            *(0.0, 0.0, 0.0),
            0.0,
            turn,
        )
        self._send(message)

    def _send(self, message: Any) -> None:
        self._output.append(self._packer.pack(message))
