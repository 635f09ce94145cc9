"""MAVLink packets from and to bytes, and what is counted of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

LARGEST = 1e30  # magnitude of a number that is sent: a field has 32 bits, and pymavlink raises
MIN_PACKET = 8  # bytes of a MAVLink 1 packet without payload

# The first byte of a packet. In MAVLink 2 the third has one flag only: the packet is signed.
START = re.compile(rb"\xfe|\xfd(?!.[^\x00\x01])", re.DOTALL)


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

    pymavlink decodes the packets. Its own parser of streams is not used: behind a byte that only
    looks like the start of a packet, it drops as many bytes as that packet would have, and real
    packets with them. Here only a packet whose checksum is right takes its bytes out of the
    stream. After any other start, the search goes on with the next byte.

    Args:
        datagrams: A packet never continues in the next piece of data, as on UDP; what is
            incomplete is dropped. False: the data is a stream, as on a serial line.
    """

    def __init__(self, *, datagrams: bool) -> None:
        self.counts = Counts()
        self._datagrams = datagrams
        self._decoder = mavlink.MAVLink(None)
        self._data = b""

    def parse(self, data: bytes) -> list[Any]:
        """Return the messages that end in the data; everything else is counted.

        Args:
            data: Bytes as they were received.
        """
        self._data += data
        messages = []
        while (message := self._next_message()) is not None:
            messages.append(message)
        return messages

    def _next_message(self) -> Any | None:
        """Remove the first verified packet and all that is before it, and return its message.

        If there is none, only what may still become a packet is stored.
        """
        data = self._data
        keep = len(data)
        # Bytes of a packet of unknown kind, whose checksum cannot be verified.
        unverified = range(0)
        for start, end in _candidates(data):
            if end > len(data):
                if self._datagrams:
                    continue
                if start not in unverified:
                    keep = min(keep, start)
                    break
                # Most unknown packets are real. Then no packet starts inside of them, and what
                # follows them does not wait for the end of this one.
                keep = min(keep, unverified.start)
                continue
            message = self._decode(data[start:end])
            if isinstance(message, mavlink.MAVLink_unknown):
                if end > unverified.stop:
                    unverified = range(start, end)
            elif message is not None:
                self._count_rejected(data[:start])
                self.counts.accepted += 1
                self._data = data[end:]
                return message
        self._count_rejected(data[:keep])
        self._data = data[keep:]
        return None

    def _decode(self, packet: bytes) -> Any | None:
        """Return the message of a packet; None if the packet is malformed."""
        try:
            return self._decoder.decode(bytearray(packet))
        except Exception:  # the decoder trusts its input; no packet may end the link
            return None

    def _count_rejected(self, data: bytes) -> None:
        """Count the packets of unknown kinds in the data, and the pieces between them."""
        counted = 0
        for start, end in _candidates(data):
            unknown = counted <= start and end <= len(data) and self._decode(data[start:end])
            if unknown:
                self.counts.unknown += 1
                self.counts.malformed += counted < start
                counted = end
        self.counts.malformed += counted < len(data)


def _candidates(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where a packet may start, and where it would end, perhaps behind the data."""
    for match in START.finditer(data):
        start = match.start()
        head = data[start : start + 3]
        size = MIN_PACKET  # as long as its length has not arrived
        if len(head) == 3:
            size = head[1] + MIN_PACKET
            if head[0] == mavlink.PROTOCOL_MARKER_V2:
                size += 4 + mavlink.MAVLINK_SIGNATURE_BLOCK_LEN * head[2]
        yield start, start + size


def fits(*values: float) -> bool:
    """Return whether numbers can be sent: finite, and not too large for a field."""
    return all(abs(value) <= LARGEST for value in values)  # false for NaN, too


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
