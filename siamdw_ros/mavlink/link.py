"""The network or serial line that MAVLink comes over. Nothing here waits."""

import contextlib
import io
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

MAX_DATAGRAMS = 200  # largest number of datagrams per read; the others wait in the socket
MAX_DATAGRAM = 2048  # bytes
MAX_PEERS = 8
PEER_SECONDS = 30.0  # after which a silent peer is forgotten
REOPEN_SECONDS = 2.0
WRITE_SECONDS = 0.02  # longest wait of a write where a serial line has no file descriptor
FULL = "the line is full: packets are dropped"
DEFAULT_BAUD = 57600
FORMS = "udpout:HOST:PORT, udpin:HOST:PORT or serial:DEVICE[:BAUD]"


@dataclass(frozen=True)
class Address:
    """Where MAVLink comes from.

    Attributes:
        kind: udpout, udpin or serial.
        place: Host or device.
        number: Port or baud rate.
    """

    kind: str
    place: str
    number: int


def parse_address(text: str) -> Address:
    """Read a connection in the form that MAVProxy and pymavlink use.

    Raises:
        ValueError: It has another form.
    """
    kind, _, rest = text.partition(":")
    place, colon, number = rest.rpartition(":")
    if kind == "serial" and not colon:
        place, number = rest, str(DEFAULT_BAUD)
    valid = kind in ("udpout", "udpin", "serial") and place and number.isdigit()
    if not valid or not 0 <= int(number) <= (4_000_000 if kind == "serial" else 65535):
        raise ValueError(f"connection '{text}', expected {FORMS}")
    return Address(kind, place.strip("[]"), int(number))


class Link(Protocol):
    """Takes and gives bytes; never waits and never raises.

    Attributes:
        datagrams: Whether packets never continue in the next piece of data.
        problem: Why nothing can be sent or received; empty if it can.
    """

    datagrams: bool
    problem: str

    def receive(self) -> list[tuple[bytes, Any]]:
        """Return what has arrived, with its sender."""

    def heard(self, sender: Any) -> None:
        """Note that the sender of something talks MAVLink."""

    def send(self, packet: bytes) -> None:
        """Send a packet to all who listen."""

    def close(self) -> None:
        """Close the socket or the line."""


def open_link(text: str) -> Link:
    """Open a connection.

    Raises:
        ValueError: It has another form than expected.
        OSError: It cannot be opened.
        ModuleNotFoundError: pyserial is not installed, for a serial line.
    """
    address = parse_address(text)
    return SerialLink(address) if address.kind == "serial" else UdpLink(address)


@dataclass
class UdpLink:
    """MAVLink over UDP.

    udpout sends to one address and takes only what comes from there. udpin waits for others, and
    sends to those from whom valid packets came.

    Args:
        address: To listen on, or to send to.
    """

    address: Address
    datagrams: bool = True
    problem: str = ""
    _peers: dict[Any, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        family, _, _, _, place = socket.getaddrinfo(
            self.address.place, self.address.number, type=socket.SOCK_DGRAM
        )[0]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if self.address.kind == "udpin":
                self._socket.bind(place)
            else:
                self._socket.connect(place)
        except OSError:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        """Own port."""
        return int(self._socket.getsockname()[1])

    def receive(self) -> list[tuple[bytes, Any]]:
        """Return the datagrams that have arrived, with the address they came from."""
        arrived = []
        for _ in range(MAX_DATAGRAMS):
            try:
                arrived.append(self._socket.recvfrom(MAX_DATAGRAM))
            except BlockingIOError:
                break
            except ConnectionError:  # no program listens at the other end yet
                continue
            except OSError as error:
                self.problem = str(error)
                break
        return arrived

    def heard(self, sender: Any) -> None:
        """Send to this address as well, from now on."""
        self._forget_silent_peers()
        if sender in self._peers or len(self._peers) < MAX_PEERS:
            self._peers[sender] = time.monotonic()

    def send(self, packet: bytes) -> None:
        """Send a packet; a full buffer drops it, as radio does."""
        if self.address.kind == "udpout":
            self.problem = self._try_to(self._socket.send, packet)
            return
        self._forget_silent_peers()
        # To each: one that cannot be reached keeps nothing from the others.
        problems = [
            f"{peer[0]}:{peer[1]}: {problem}"
            for peer in self._peers
            if (problem := self._try_to(self._socket.sendto, packet, peer))
        ]
        self.problem = "; ".join(problems)

    def _forget_silent_peers(self) -> None:
        now = time.monotonic()
        self._peers = {peer: at for peer, at in self._peers.items() if now - at < PEER_SECONDS}

    @staticmethod
    def _try_to(send: Callable[..., int], *arguments: Any) -> str:
        """Send something; return why it cannot be sent, empty if it can."""
        try:
            send(*arguments)
        except (BlockingIOError, ConnectionError):
            pass
        except OSError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@dataclass
class SerialLink:
    """MAVLink over a serial line, which is opened again after it was unplugged.

    Args:
        address: Device and baud rate.
    """

    address: Address
    datagrams: bool = False
    problem: str = ""
    _port: Any = None
    _descriptor: int | None = None
    _rest: bytes = b""  # of a packet that was written in part
    _tried: float = 0.0

    def __post_init__(self) -> None:
        import serial  # optional: only those who use a serial line need it

        self._serial = serial
        self._open()

    def _open(self) -> None:
        self._tried = time.monotonic()
        self._port = self._serial.Serial(
            self.address.place, self.address.number, timeout=0, write_timeout=WRITE_SECONDS
        )
        try:
            self._descriptor = self._port.fileno()
        except io.UnsupportedOperation:  # on Windows
            self._descriptor = None
        self._rest = b""
        self.problem = ""

    def receive(self) -> list[tuple[bytes, Any]]:
        """Return the bytes that have arrived."""
        if not self._ready():
            return []
        try:
            data = self._port.read(MAX_DATAGRAM)
        except OSError as error:
            self._lose(error)
            return []
        return [(data, None)] if data else []

    def heard(self, sender: Any) -> None:
        """There is only one at the other end."""

    def send(self, packet: bytes) -> None:
        """Send a packet; a full buffer drops it as a whole, so that none is ever cut."""
        if not self._ready():
            return
        try:
            self._rest = self._write(self._rest)
            if self._rest:
                self.problem = FULL
                return
            rest = self._write(packet)
        except OSError as error:
            self._lose(error)
            return
        dropped = rest == packet
        self._rest = b"" if dropped else rest
        self.problem = FULL if dropped else ""

    def _write(self, data: bytes) -> bytes:
        """Write as much as the buffer takes; return the rest.

        Not by pyserial where it can be helped: with a timeout of zero, its write tries a full
        buffer again and again, without end.
        """
        if not data:
            return b""
        try:
            if self._descriptor is None:
                self._port.write(data)
                return b""
            return data[os.write(self._descriptor, data) :]
        except (BlockingIOError, self._serial.SerialTimeoutException):
            return data

    def close(self) -> None:
        """Close the line."""
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.close()
            self._port = None

    def _ready(self) -> bool:
        if self._port is None and time.monotonic() - self._tried >= REOPEN_SECONDS:
            try:
                self._open()
            except OSError as error:
                self.problem = str(error)
        return self._port is not None

    def _lose(self, error: OSError) -> None:
        self.close()
        self.problem = str(error)
        self._tried = time.monotonic()
