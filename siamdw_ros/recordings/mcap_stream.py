"""Reading an MCAP file from its beginning, as far as it goes.

For files that a crash or a full disk has cut off: they have no index at the end, which rosbags
needs. Of a chunk that is cut in the middle, what can be decompressed is read too.
Format: https://mcap.dev/spec
"""

import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import lz4.frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Channel", "McapStream", "Message", "Schema", "zstd"]

MAGIC = b"\x89MCAP0\r\n"
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 0x02, 0x03, 0x04, 0x05, 0x06, 0x0F
HEAD = struct.Struct("<BQ")  # opcode and length of a record
CHUNK_HEAD = struct.Struct("<QQQI")  # first and last time, size when decompressed, CRC-32
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, time of recording, of publishing
MAX_RECORD = 2**30  # bytes; a longer record is a damaged length


@dataclass(frozen=True)
class Schema:
    """Type of messages: name, encoding and text of the definition."""

    name: str
    encoding: str
    text: str


@dataclass(frozen=True)
class Channel:
    """A topic: its name, type and metadata (rosbag2 keeps the QoS there)."""

    topic: str
    schema: Schema
    metadata: dict[str, str]


@dataclass(frozen=True)
class Message:
    """A message: its channel, time of recording in nanoseconds, and content."""

    channel: Channel
    time: int
    data: bytes


class McapStream:
    """The messages of an MCAP file, chunk by chunk, in the order of their time within a chunk.

    Args:
        path: Of the file.

    Attributes:
        path: Of the file.
        damage: What is wrong with the file; empty before it was read, and if nothing is.

    Raises:
        ValueError: It is no MCAP file.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.damage = ""
        self.path = path
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError(f"{path}: no MCAP file")

    def messages(self) -> Iterator[Message]:
        """Yield the messages up to the end or the cut."""
        self.damage = ""
        with self.path.open("rb") as file:
            file.seek(len(MAGIC))
            for opcode, content in self._records(file):
                if opcode == CHUNK:
                    inner = BytesIO(self._decompressed(content))
                    found = [self._decoded(*record) for record in self._records(inner)]
                    yield from sorted((m for m in found if m), key=lambda m: m.time)
                elif opcode in (DATA_END, FOOTER):
                    return
                elif message := self._decoded(opcode, content):
                    yield message
        self.damage = self.damage or "it has no end"

    def _records(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and content of each record that is complete; of a chunk, what there is."""
        while len(head := file.read(HEAD.size)) == HEAD.size:
            opcode, size = HEAD.unpack(head)
            place = file.tell()
            content = file.read(min(size, MAX_RECORD))
            if len(content) == size:
                yield opcode, content
                continue
            self.damage = f"it is cut off or damaged at byte {place + len(content)}"
            if opcode == CHUNK:
                yield opcode, content
            return

    def _decoded(self, opcode: int, content: bytes) -> Message | None:
        """Return the message of a record; None if it is another record, or a damaged one."""
        try:
            return self._message(opcode, content)
        except struct.error as error:  # the record is too short for what should be in it
            self.damage = f"a record is damaged: {error}"
            return None

    def _message(self, opcode: int, content: bytes) -> Message | None:
        """Return the message of a record; keep a schema or channel."""
        if opcode == MESSAGE:
            number, _, time, _ = MESSAGE_HEAD.unpack_from(content)
            channel = self._channels.get(number)
            return Message(channel, time, content[MESSAGE_HEAD.size :]) if channel else None
        fields = BytesIO(content)
        if opcode == SCHEMA:
            number = _number(fields, "<H")
            self._schemas[number] = Schema(_text(fields), _text(fields), _text(fields))
        elif opcode == CHANNEL:
            number, schema = _number(fields, "<H"), _number(fields, "<H")
            topic, _encoding = _text(fields), _text(fields)
            pairs = BytesIO(fields.read(_number(fields, "<I")))
            metadata = {}
            while pairs.tell() < len(pairs.getvalue()):
                name = _text(pairs)
                metadata[name] = _text(pairs)
            known = self._schemas.get(schema, Schema("", "", ""))
            self._channels[number] = Channel(topic, known, metadata)
        return None

    def _decompressed(self, chunk: bytes) -> bytes:
        """Return the records in a chunk, as far as they can be decompressed."""
        if len(chunk) < CHUNK_HEAD.size + 4:
            self.damage = self.damage or "a chunk is damaged: it is too short"
            return b""
        _, _, size, checksum = CHUNK_HEAD.unpack_from(chunk)
        fields = BytesIO(chunk)
        fields.seek(CHUNK_HEAD.size)
        compression = _text(fields)
        data = chunk[fields.tell() + 8 :]
        try:
            records = _decompress(data, compression)
        except (zstd.ZstdError, RuntimeError, ValueError) as error:
            self.damage = f"a chunk cannot be decompressed: {error}"
            return b""
        if len(records) == size and checksum and zlib.crc32(records) != checksum:
            self.damage = "a chunk is damaged: its checksum is another"
            return b""
        return records


def _decompress(data: bytes, compression: str) -> bytes:
    """Decompress what there is of a chunk.

    Raises:
        ValueError, RuntimeError, ZstdError: It is damaged, or the compression is unknown.
    """
    if compression == "":
        return data
    if compression == "zstd":
        return bytes(zstd.ZstdDecompressor().decompress(data))
    if compression == "lz4":
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data))
    raise ValueError(f"compression {compression[:20]!r} is unknown")


def _number(fields: BytesIO, form: str) -> int:
    (number,) = struct.unpack(form, fields.read(struct.calcsize(form)))
    return int(number)


def _text(fields: BytesIO) -> str:
    return fields.read(_number(fields, "<I")).decode(errors="replace")
