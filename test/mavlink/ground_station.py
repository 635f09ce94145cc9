"""A ground station, built on pymavlink alone: what it sends and understands is not our code."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

STATION = (255, mavlink.MAV_COMP_ID_MISSIONPLANNER)
AUTOPILOT = (1, mavlink.MAV_COMP_ID_AUTOPILOT1)
WAIT = 900.0  # seconds, for what takes a few on an idle machine
ACCEPTED = mavlink.MAV_RESULT_ACCEPTED
STOP = mavlink.MAV_CMD_CAMERA_STOP_TRACKING


class Station:
    """Packs what a ground station sends, and keeps what it receives.

    Args:
        send: Takes the packets.
        address: System and component id.
    """

    def __init__(self, send: Callable[[bytes], Any], address: tuple[int, int] = STATION) -> None:
        self.received: list[Any] = []
        self._send = send
        self._out = mavlink.MAVLink(None, *address)
        self._in = mavlink.MAVLink(None)

    def send(self, message: Any) -> None:
        self._send(bytes(message.pack(self._out)))
        self._out.seq = (self._out.seq + 1) % 256

    def command(
        self,
        number: int,
        *parameters: float,
        component: int = 100,
        system: int = 1,
        confirmation: int = 0,
    ) -> None:
        values = [*parameters, *[0.0] * (7 - len(parameters))]
        self.send(
            mavlink.MAVLink_command_long_message(system, component, number, confirmation, *values)
        )

    def receive(self, data: bytes) -> None:
        self.received.extend(self._in.parse_buffer(data) or [])

    def all(self, kind: str, component: int | None = None) -> list[Any]:
        """The messages of a kind, by pymavlink's name, oldest first."""
        return [
            message
            for message in self.received
            if message.get_type() == kind and component in (None, message.get_srcComponent())
        ]

    def last(self, kind: str, component: int | None = None) -> Any:
        found = self.all(kind, component)
        return found[-1] if found else None

    def results(self, number: int) -> list[int]:
        """The results of a command, oldest first."""
        return [ack.result for ack in self.all("COMMAND_ACK") if ack.command == number]


class UdpStation(Station):
    """The ground station on a UDP port of this machine."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self.peer: Any = None
        super().__init__(lambda data: self.socket.sendto(data, self.peer))

    def listen(self) -> None:
        with contextlib.suppress(TimeoutError):
            data, self.peer = self.socket.recvfrom(4096)
            self.receive(data)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = WAIT) -> Any:
        end = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
            self.listen()
        return result

    def ask(self, number: int, *parameters: float, **options: int) -> int:
        """Send a command as QGroundControl does; return its result."""
        self.received.clear()

        def result() -> list[int]:
            results = self.results(number)
            return [one for one in results if one != mavlink.MAV_RESULT_IN_PROGRESS]

        self.command(number, *parameters, **options)
        return self.wait(result, f"an answer of command {number}")[0]

    def description(self, component: int) -> Any:
        number = mavlink.MAVLINK_MSG_ID_CAMERA_INFORMATION
        asked = self.ask(mavlink.MAV_CMD_REQUEST_MESSAGE, number, component=component)
        assert asked == ACCEPTED
        return self.wait(lambda: self.last("CAMERA_INFORMATION", component), "the description")

    def stop(self, component: int) -> None:
        """Stop as an operator does: again, if the tracker was too busy to answer in time."""
        self.wait(lambda: self.ask(STOP, component=component) == ACCEPTED, "the stop")

    def status(self, component: int | None = None) -> Any:
        return self.last("CAMERA_TRACKING_IMAGE_STATUS", component)
