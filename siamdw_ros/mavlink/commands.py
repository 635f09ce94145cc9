"""Commands of ground stations to a camera, with checked arguments."""

import math
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink.messages import Box

TRACK_POINT: int = mavlink.MAV_CMD_CAMERA_TRACK_POINT
TRACK_RECTANGLE: int = mavlink.MAV_CMD_CAMERA_TRACK_RECTANGLE
STOP_TRACKING: int = mavlink.MAV_CMD_CAMERA_STOP_TRACKING
# Which parameter names the camera, counted from 0.
CAMERA_ID = {TRACK_POINT: 3, TRACK_RECTANGLE: 4, STOP_TRACKING: 0}
LEAST_SIDE = 1e-4  # smallest side of a rectangle, as a share of the image's side

ACCEPTED: int = mavlink.MAV_RESULT_ACCEPTED
DENIED: int = mavlink.MAV_RESULT_DENIED  # the command is known, its parameters are wrong
FAILED: int = mavlink.MAV_RESULT_FAILED
IN_PROGRESS: int = mavlink.MAV_RESULT_IN_PROGRESS
REJECTED: int = mavlink.MAV_RESULT_TEMPORARILY_REJECTED
UNSUPPORTED: int = mavlink.MAV_RESULT_UNSUPPORTED


class DeniedError(ValueError):
    """A command's parameters are wrong; the message gives the operator the reason."""


@dataclass(frozen=True)
class Command:
    """A COMMAND_LONG or COMMAND_INT.

    Attributes:
        number: MAV_CMD.
        parameters: The first four parameters; the commands for cameras use no more, except
            for the camera's id.
        sender: System and component id of who sent it.
        target: System and component id that it is for; 0: all.
        repeated: How often it was sent before, as far as the sender counts.
    """

    number: int
    parameters: tuple[float, ...]
    sender: tuple[int, int]
    target: tuple[int, int]
    repeated: int = 0

    def same(self, other: "Command") -> bool:
        """Whether the other one is this one, sent again."""
        return self._identity() == other._identity()

    def _identity(self) -> tuple[Any, ...]:
        """Return what a command that is sent again has in common with the first one."""
        # NaN stands for a parameter that is not used, and is not equal to itself.
        parameters = [None if math.isnan(value) else value for value in self.parameters]
        return self.number, parameters, self.sender

    def whole(self, index: int) -> int:
        """Return a parameter that has to be a whole number.

        Raises:
            DeniedError: It is not.
        """
        value = self.parameters[index]
        if not math.isfinite(value) or value != int(value):
            raise DeniedError(f"parameter {index + 1} is {value:g}, expected a whole number")
        return int(value)


def command_from(message: Any) -> Command | None:
    """Read a command; None if the message is not one.

    Args:
        message: Of pymavlink.
    """
    kind = message.get_type()
    if kind not in ("COMMAND_LONG", "COMMAND_INT"):
        return None
    long = kind == "COMMAND_LONG"
    others = (message.param5, message.param6, message.param7) if long else (message.x, message.y)
    return Command(
        message.command,
        (message.param1, message.param2, message.param3, message.param4, *others),
        (message.get_srcSystem(), message.get_srcComponent()),
        (message.target_system, message.target_component),
        message.confirmation if long else 0,
    )


def box_from(command: Command) -> Box:
    """Return what to track as (x, y, width, height) in [0, 1]; a point has no size.

    The radius of a point is not used: ground stations send the size of their cursor there. The
    tracker finds the object's box itself.

    Args:
        command: TRACK_POINT or TRACK_RECTANGLE.

    Raises:
        DeniedError: It is not inside the image, or has no area.
    """
    if command.number == TRACK_POINT:
        x, y = (_share(command, index) for index in range(2))
        return x, y, 0.0, 0.0
    left, top, right, bottom = (_share(command, index) for index in range(4))
    # An operator may drag from any corner.
    x, right = sorted((left, right))
    y, bottom = sorted((top, bottom))
    if right - x < LEAST_SIDE or bottom - y < LEAST_SIDE:
        raise DeniedError("the rectangle has no area")
    return x, y, right - x, bottom - y


def _share(command: Command, index: int) -> float:
    value = command.parameters[index]
    if not 0 <= value <= 1:  # also not a number
        raise DeniedError(f"parameter {index + 1} is {value:g}, expected 0 to 1")
    return value
