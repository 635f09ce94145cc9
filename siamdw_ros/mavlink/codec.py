"""MAVLink packets from and to bytes, and what is counted of them."""

from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

MAX_PACKET = 280  # bytes of a MAVLink 2 packet: header, 255 of payload, checksum, signature


@dataclass
class Counts:
    """Counts of packets that have arrived.

    Attributes:
        accepted: Packets with a known message and the right checksum.
        unknown: Packets whose message is not in the dialect `common`; their checksum cannot be
            verified.
        malformed: Packets and pieces between packets that are not MAVLink.
    """

    accepted: int = 0
    unknown: int = 0
    malformed: int = 0


class Parser:
    """Finds the packets in what one link receives.

    Args:
        datagrams: A packet never continues in the next piece of data, as on UDP; what is
            incomplete is dropped. False: the data is a stream, as on a serial line.
    """

    def __init__(self, *, datagrams: bool) -> None:
        self.counts = Counts()
        self._datagrams = datagrams
        self._parser = self._new_parser()

    def parse(self, data: bytes) -> list[Any]:
        """Return the messages that end in the data; everything else is counted.

        Args:
            data: Bytes as they were received.
        """
        messages = []
        piece = data
        while True:
            try:
                message = self._parser.parse_char(piece)
            except Exception:  # the parser trusts its input; no packet may end the link
                self.counts.malformed += 1
                self._parser = self._new_parser()
                break
            if message is None:
                break
            if self._count(message):
                messages.append(message)
            piece = b""
        self._trim()
        return messages

    def _count(self, message: Any) -> bool:
        """Count a message; return whether it is one to act on."""
        kind = message.get_type()
        if kind == "BAD_DATA":
            self.counts.malformed += 1
        elif kind.startswith("UNKNOWN"):
            self.counts.unknown += 1
        else:
            self.counts.accepted += 1
            return True
        return False

    def _trim(self) -> None:
        # pymavlink releases what it has read only when nothing is left behind it. A stream whose
        # pieces always end inside a packet would fill the memory.
        rest = self._parser.buf[self._parser.buf_index :]
        if rest and (self._datagrams or len(rest) > MAX_PACKET):
            self.counts.malformed += 1
            self._parser = self._new_parser()
        else:
            self._parser.buf = bytearray(rest)
            self._parser.buf_index = 0

    @staticmethod
    def _new_parser() -> Any:
        parser = mavlink.MAVLink(None)
        parser.robust_parsing = True  # report bad data instead of raising
        return parser


class Packer:
    """Packs the messages of one component, with a sequence number of its own.

    Args:
        system: System id.
        component: Component id.
    """

    def __init__(self, system: int, component: int) -> None:
        self.address = system, component
        self._mavlink = mavlink.MAVLink(None, system, component)

    def pack(self, message: Any) -> bytes:
        """Return a message as a MAVLink 2 packet: camera messages do not exist in MAVLink 1."""
        packet = bytes(message.pack(self._mavlink))
        self._mavlink.seq = (self._mavlink.seq + 1) % 256
        return packet
