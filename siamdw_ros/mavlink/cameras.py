"""All cameras of a tracker on one link: bytes in, bytes and requests out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink.camera import CameraComponent, Request
from siamdw_ros.mavlink.codec import Counts, Parser
from siamdw_ros.mavlink.commands import Command, command_from
from siamdw_ros.mavlink.flight import FlightControl
from siamdw_ros.mavlink.gimbal import GimbalControl
from siamdw_ros.mavlink.messages import CameraDescription

COMPONENTS = range(mavlink.MAV_COMP_ID_CAMERA, mavlink.MAV_COMP_ID_CAMERA6 + 1)


@dataclass(frozen=True)
class Network:
    """Settings of all cameras.

    Attributes:
        system: System id; on a drone that of the autopilot.
        status_rate: See :class:`CameraComponent`.
        datagrams: See :class:`Parser`.
    """

    system: int = 1
    status_rate: float = 5.0
    datagrams: bool = True


class Cameras:
    """Several camera components with one system id.

    It uses no sockets and no clock: give it what arrives by :meth:`receive`, call :meth:`tick`
    some fifty times per second, send what :meth:`take_output` returns, and answer what
    :meth:`take_requests` returns. All times are of a steady clock, in seconds.

    Args:
        network: What belongs to all cameras.
        cameras: Each with a component id of its own.
        now: Time.

    Raises:
        ValueError: An id is not possible.
    """

    def __init__(self, network: Network, cameras: Iterable[CameraDescription], now: float) -> None:
        if not 1 <= network.system <= 255:
            raise ValueError(f"system id {network.system}, expected 1 to 255")
        self.components: dict[str, CameraComponent] = {}
        self.gimbal: GimbalControl | None = None
        self.flight: FlightControl | None = None
        self.unhandled = 0
        self._network = network
        self._parser = Parser(datagrams=network.datagrams)
        for camera in cameras:
            self.add(camera, now)

    def add(self, camera: CameraDescription, now: float) -> CameraComponent:
        """Offer one more camera.

        Args:
            camera: With a component id of its own.
            now: Time.

        Raises:
            ValueError: The component id is not of a camera, or is taken.
        """
        number = camera.component
        if number not in COMPONENTS:
            raise ValueError(
                f"component id {number}, expected {COMPONENTS[0]} to {COMPONENTS[-1]}: ground "
                "stations look for cameras there"
            )
        if any(number == other.description.component for other in self.components.values()):
            raise ValueError(f"component id {number} is taken: each camera needs one of its own")
        network = self._network
        component = CameraComponent(network.system, camera, now, network.status_rate)
        self.components[camera.name] = component
        return component

    def remove(self, name: str) -> None:
        """Offer a camera no more.

        Args:
            name: Of one that was added.
        """
        del self.components[name]

    @property
    def counts(self) -> Counts:
        """Counts of packets that have arrived."""
        return self._parser.counts

    def receive(self, data: bytes, now: float) -> bool:
        """Take what arrived.

        Args:
            data: Bytes: a datagram, or a piece of a stream.
            now: Time.

        Returns:
            Whether there was a valid packet of another component in it.
        """
        others = [message for message in self._parser.parse(data) if self._is_of_others(message)]
        for message in others:
            self._handle(message, now)
        return bool(others)

    def _is_of_others(self, message: Any) -> bool:
        """Whether it is not our own, which routers may send back."""
        sender = message.get_srcSystem(), message.get_srcComponent()
        return all(sender != component.address for component in self.components.values())

    def _handle(self, message: Any, now: float) -> None:
        kind = message.get_type()
        if kind == "COMMAND_ACK" and self.gimbal is not None:
            self.gimbal.acknowledged(message)
        elif kind == "HEARTBEAT" and self.flight is not None:
            self.flight.heartbeat(message, now)
        command = command_from(message)
        if command is None:
            self.unhandled += 1
            return
        for component in self._meant(command):
            component.handle(command, now)

    def _meant(self, command: Command) -> Iterator[CameraComponent]:
        """The components that a command is for. A system id of 0 is all, as is a component's."""
        system, number = command.target
        for component in self.components.values():
            own = component.description.component
            if system in (0, self._network.system) and number in (0, own):
                yield component

    def tick(self, now: float) -> None:
        """Let all components send what is due.

        Args:
            now: Time.
        """
        for sender in self._senders():
            sender.tick(now)

    def take_output(self) -> list[bytes]:
        """Return the packets to send, and forget them."""
        return [packet for sender in self._senders() for packet in sender.take_output()]

    def _senders(self) -> list["CameraComponent | GimbalControl | FlightControl"]:
        # What moves is sent first: a slow line may have no room for everything.
        controls = [one for one in (self.flight, self.gimbal) if one is not None]
        return [*controls, *self.components.values()]

    def take_requests(self) -> list[Request]:
        """Return the requests that the tracker has not been given yet."""
        requests: list[Request] = []
        for component in self.components.values():
            requests.extend(component.requests)
            component.requests.clear()
        return requests
