"""The messages between browser and panel over the WebSocket.

The browser sends JSON commands; the panel answers with JSON, and with frames: a head as JSON with
the JPEG behind it in one binary message, so that an image never parts from its stamp and boxes.
"""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

MAX_MESSAGE = 2048  # bytes of a command
MAX_NAME = 64  # characters of a target's or camera's name
MAX_PIXEL = 1e6
MAX_SECONDS = 24 * 3600
MAX_TICK = 2**53  # the largest integer that the page's numbers have


class ProtocolError(ValueError):
    """A command that the page never sends."""


@dataclass(frozen=True)
class Watch:
    """Show this camera from now on."""

    camera: str


@dataclass(frozen=True)
class Next:
    """Send the next frame: the last one is on the screen."""


@dataclass(frozen=True)
class Start:
    """Start tracking.

    Attributes:
        request: Number that comes back with the answer.
        camera: Its name.
        stamp: (seconds, nanoseconds) of the image on the screen.
        box: (x, y, w, h), pixels of the full image, top-left corner; w = h = 0 for a point.
        target: Id of a target to start over; empty: a new one.
        seconds: How long to track; 0: until it is stopped.
    """

    request: int
    camera: str
    stamp: tuple[int, int]
    box: tuple[float, float, float, float]
    target: str
    seconds: int


@dataclass(frozen=True)
class Stop:
    """Stop tracking one target; an empty id: all of them."""

    request: int
    target: str


@dataclass(frozen=True)
class Hold:
    """The button that lets the robot drive is held; it comes again and again until it is not.

    Attributes:
        pressed: False: it was released.
        tick: Of the panel's newest answer to a Hold; None: none has come since it was pressed.
    """

    pressed: bool
    tick: int | None = None


Command: TypeAlias = Watch | Next | Start | Stop | Hold


def parse(text: str) -> Command:
    """Read a command.

    Raises:
        ProtocolError: It is not one.
    """
    try:
        fields = json.loads(text)
        kind = fields["type"]
        if kind == "next":
            return Next()
        if kind == "watch":
            return Watch(_name(fields["camera"]))
        if kind == "start":
            return Start(
                _integer(fields["request"]),
                _name(fields["camera"]),
                _stamp(fields["stamp"]),
                _box(fields["box"]),
                _name(fields["target"]),
                _integer(fields["seconds"], MAX_SECONDS),
            )
        if kind == "hold" and isinstance(fields["pressed"], bool):
            tick = fields.get("tick")
            return Hold(fields["pressed"], None if tick is None else _integer(tick, MAX_TICK))
        if kind == "stop":
            return Stop(_integer(fields["request"]), _name(fields["target"]))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"not a command: {error}"[:100]) from error
    raise ProtocolError("not a command: unknown type")


def pack_frame(head: dict[str, Any], jpeg: bytes) -> bytes:
    """Length of the head (4 bytes, little endian), the head as JSON, the JPEG."""
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack("<I", len(text)) + text + jpeg


def number(value: float, digits: int = 3) -> float | None:
    """Round a number for JSON, which has neither NaN nor infinity: None for those."""
    return round(value, digits) if math.isfinite(value) else None


def _integer(value: Any, high: int = 2**31 - 1) -> int:
    if type(value) is not int or not 0 <= value <= high:
        raise ValueError("expected an integer")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME or not value.isprintable():
        raise ValueError(f"expected a name of at most {MAX_NAME} printable characters")
    return value


def _stamp(value: Any) -> tuple[int, int]:
    seconds, nanoseconds = value
    return _integer(seconds), _integer(nanoseconds, 10**9 - 1)


def _box(value: Any) -> tuple[float, float, float, float]:
    x, y, width, height = (float(side) for side in value)
    if not all(abs(side) <= MAX_PIXEL for side in (x, y, width, height)):  # also false for NaN
        raise ValueError("expected four numbers in pixels")
    return x, y, width, height
