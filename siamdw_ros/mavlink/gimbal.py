"""The follower's pan-tilt rates for a MAVLink gimbal manager."""

import math
from collections import deque
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink.codec import Packer, fits
from siamdw_ros.mavlink.commands import ACCEPTED, IN_PROGRESS

STALE_SECONDS = 0.5  # without a command the gimbal stands still
ZEROS = 5  # rates of zero after the last command: some may be lost on the way
RELEASE_SECONDS = 2.0  # without a command it is left to others
CLAIM_SECONDS = 1.0  # between two requests for the control
LEAVE = -3.0  # value for MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE: remove control if in control
UNCHANGED = -1.0
MAX_OUTPUT = 64
CONFIGURE = mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE
# Roll and pitch are held against the horizon, yaw against the vehicle's heading.
FLAGS = mavlink.GIMBAL_MANAGER_FLAGS_ROLL_LOCK | mavlink.GIMBAL_MANAGER_FLAGS_PITCH_LOCK


class GimbalControl:
    """Sends GIMBAL_MANAGER_SET_PITCHYAW while the follower commands, and only then.

    It asks for the control of the gimbal first (gimbal protocol v2) and gives it back at the end,
    so that the pilot's own gimbal commands work as soon as the follower is stopped.

    Args:
        packer: Of the component that the messages come from.
        manager: System and component id of the gimbal manager, usually the autopilot's.
        device: Gimbal: its component id, 1 to 6 for one attached to the autopilot, 0 for all.
    """

    def __init__(self, packer: Packer, manager: tuple[int, int], device: int = 0) -> None:
        self.problem = ""
        self._manager = manager
        self._device = device
        self._packer = packer
        self._output: deque[bytes] = deque(maxlen=MAX_OUTPUT)
        self._last: float | None = None  # time of the last command
        self._claimed = -math.inf
        self._answered = False
        self._zeros = 0  # still to send when the follower is silent

    def command(self, pitch_rate: float, yaw_rate: float, now: float) -> None:
        """Turn the gimbal.

        Args:
            pitch_rate: rad/s, positive up.
            yaw_rate: rad/s, positive to the right.
            now: Time of a steady clock, seconds.
        """
        if not fits(pitch_rate, yaw_rate):
            return  # a command that cannot be used is one that never came
        # Not again once it is answered: a pilot who takes the gimbal over keeps it.
        if not self._answered and now - self._claimed >= CLAIM_SECONDS:
            self._claimed = now
            self._configure(*map(float, self._packer.address))
        self._last = now
        self._zeros = ZEROS
        self._turn(pitch_rate, yaw_rate)

    def tick(self, now: float) -> None:
        """Stop the gimbal when the follower has become silent, then leave it to others.

        Args:
            now: Time of a steady clock, seconds.
        """
        if self._last is None:
            return
        if self._zeros and now - self._last >= STALE_SECONDS:
            self._zeros -= 1
            self._turn(0.0, 0.0)
        if now - self._last >= RELEASE_SECONDS:
            self.release()

    def release(self) -> None:
        """Stop the gimbal, and leave it to others."""
        if self._last is None:
            return
        if self._zeros:
            self._zeros = 0
            self._turn(0.0, 0.0)
        self._configure(LEAVE, LEAVE)
        self._last = None
        self._claimed = -math.inf
        self._answered = False
        self.problem = ""

    def acknowledged(self, message: Any) -> None:
        """Take a COMMAND_ACK.

        Args:
            message: Of pymavlink.
        """
        ours = (message.target_system, message.target_component) in (self._packer.address, (0, 0))
        if not ours or message.command != CONFIGURE or self._last is None:
            return
        if message.result == IN_PROGRESS:
            return
        self._answered = True
        denied = message.result != ACCEPTED
        self.problem = f"no control of the gimbal: MAV_RESULT {message.result}" if denied else ""

    def take_output(self) -> list[bytes]:
        """Return the packets to send, and forget them."""
        packets = list(self._output)
        self._output.clear()
        return packets

    def _turn(self, pitch_rate: float, yaw_rate: float) -> None:
        message = mavlink.MAVLink_gimbal_manager_set_pitchyaw_message(
            *self._manager, FLAGS, self._device, math.nan, math.nan, pitch_rate, yaw_rate
        )
        self._output.append(self._packer.pack(message))

    def _configure(self, system: float, component: float) -> None:
        message = mavlink.MAVLink_command_long_message(
            *self._manager,
            CONFIGURE,
            0,
            system,
            component,
            UNCHANGED,
            UNCHANGED,
            0,
            0,
            self._device,
        )
        self._output.append(self._packer.pack(message))
