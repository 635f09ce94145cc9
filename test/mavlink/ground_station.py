"""A ground station, built on pymavlink alone: what it sends and understands is not our code."""

from collections.abc import Callable
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

STATION = (255, mavlink.MAV_COMP_ID_MISSIONPLANNER)
AUTOPILOT = (1, mavlink.MAV_COMP_ID_AUTOPILOT1)


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
