"""Reading bags of rosbag2, sqlite3 and MCAP, with `rosbags`: rosbag2 need not be installed."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siamdw_ros.evaluation.clip_reader import natural_order

if TYPE_CHECKING:
    from siamdw_ros.recordings.mcap_stream import Channel

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no serialized message begins with it
MISSING = (
    "bags are read with the Python package rosbags, which is missing: pip install rosbags "
    "(rosdep: python3-rosbags-pip)"
)


class BagError(ValueError):
    """A bag cannot be read; the message states why."""


@dataclass(frozen=True)
class Topic:
    """A topic of a bag.

    Attributes:
        name: Its name.
        type: Type of its messages, as `sensor_msgs/msg/Image`.
        definition: Text of the type's definition; empty if the bag has none.
        digest: Hash of the type, as `RIHS01_...`; empty if the bag has none.
        qos: QoS of its publishers, as rosbags has it.
    """

    name: str
    type: str
    definition: str = ""
    digest: str = ""
    qos: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Record:
    """A message of a bag: its topic, time of recording in nanoseconds, and serialized content."""

    topic: Topic
    time: int
    data: bytes


@dataclass
class Bag:
    """A bag, opened.

    Attributes:
        path: Of the bag.
        counts: Number of messages by topic.
        distribution: Distribution of ROS that recorded it; empty if the bag does not have it.
        damage: What is wrong with it; set when it is opened, or when reading meets the damage.
    """

    path: Path
    counts: dict[Topic, int]
    distribution: str
    damage: str
    _read: Callable[[], Iterator[Record]]
    _span: Callable[[Topic], tuple[int, int]]

    def records(self) -> Iterator[Record]:
        """Yield all messages by the time of their recording, up to a damage."""
        try:
            yield from self._read()
        except Exception as error:  # of rosbags, apsw or zstd: whatever the bytes led to
            self.damage = str(error) or repr(error)

    def rate(self, topic: Topic) -> float | None:
        """Return the messages per second between the first and the last of a topic.

        Returns:
            None if it has one message, or all at the same time, or is damaged.
        """
        try:
            first, last = self._span(topic)
        except Exception:  # as above; reading reports it
            return None
        return (self.counts[topic] - 1) / ((last - first) * 1e-9) if first < last else None


@contextlib.contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """Open a bag: its folder, or one of its files.

    What can be read of a damaged MCAP is read.

    Raises:
        BagError: It cannot be read.
        FileNotFoundError: There is none.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such bag")
    if path.suffix == ".bag":
        raise BagError(
            f"{path}: a bag of ROS 1: convert it first, rosbags-convert --src {path} --dst FOLDER"
        )
    try:
        from rosbags.rosbag2 import Reader
    except ImportError:
        raise BagError(MISSING) from None
    with contextlib.ExitStack() as stack:
        try:
            bag = _indexed(path, [stack.enter_context(Reader(path))], "")
        except Exception as error:  # a damaged length is a MemoryError there, and so on
            bag = stack.enter_context(_open_files(path, str(error) or repr(error)))
        yield bag


@contextlib.contextmanager
def _open_files(path: Path, problem: str) -> Iterator[Bag]:
    """Open the files of a bag one by one: its metadata is missing, or one of them is damaged.

    Raises:
        BagError: One cannot be read.
    """
    from rosbags.rosbag2 import Reader

    found = path.iterdir() if path.is_dir() else [path]
    files = [file for file in found if file.suffix in (".mcap", ".db3")]
    files.sort(key=lambda file: natural_order(file.name))
    if not files:
        raise BagError(f"{path}: no bag that can be read: {problem}")
    with contextlib.ExitStack() as stack:
        try:
            readers = [stack.enter_context(Reader(file)) for file in files]
            bag = _indexed(path, readers, "it has no usable metadata.yaml")
        except Exception as error:
            if any(file.suffix != ".mcap" for file in files):
                raise BagError(
                    f"{path}: the bag is damaged: {str(error) or repr(error)}: the command "
                    ".recover of sqlite3 may save what is in it"
                ) from error
            bag = _streamed(path, files)
        yield bag


def _indexed(path: Path, readers: list[Any], damage: str) -> Bag:
    """Return a bag whose files rosbags can open."""
    # Without metadata only the times show which of the files is the first.
    readers = sorted(readers, key=lambda reader: reader.start_time)
    topics = [{c.id: _topic_of_connection(c) for c in r.connections} for r in readers]
    counts: dict[Topic, int] = {}
    for reader, known in zip(readers, topics, strict=True):
        for connection in reader.connections:
            topic = known[connection.id]
            counts[topic] = counts.get(topic, 0) + connection.msgcount

    def read() -> Iterator[Record]:
        for reader, known in zip(readers, topics, strict=True):
            for connection, time, data in reader.messages():
                yield Record(known[connection.id], time, _unpacked(data))

    def times(topic: Topic, begin: int) -> Iterator[int]:
        for reader, known in zip(readers, topics, strict=True):
            # rosbags takes an empty list for all.
            if chosen := [c for c in reader.connections if known[c.id] == topic]:
                yield from (time for _, time, _ in reader.messages(chosen, begin))

    def span(topic: Topic) -> tuple[int, int]:
        # By the index, from the end: the bag may be too long to be read twice.
        end = max(reader.end_time for reader in readers)
        back = 10**9
        while not (last := max(times(topic, end - back), default=0)) and back < end:
            back *= 4
        return next(times(topic, 0)), last

    distribution = getattr(readers[0], "ros_distro", None) or ""
    return Bag(path, counts, distribution, damage, read, span)


def _topic_of_connection(connection: Any) -> Topic:
    return Topic(
        connection.topic,
        connection.msgtype,
        connection.msgdef.data,
        connection.digest or "",
        tuple(connection.ext.offered_qos_profiles),
    )


def _streamed(path: Path, files: list[Path]) -> Bag:
    """Return a bag of MCAP files of which one is damaged. Reads them once to list the contents."""
    from siamdw_ros.recordings.mcap_stream import McapStream

    try:
        streams = [McapStream(file) for file in files]
    except ValueError as error:
        raise BagError(f"{error}: the bag is damaged at its beginning") from error
    counts: dict[Topic, int] = {}
    spans: dict[Topic, tuple[int, int]] = {}
    begins: dict[Path, int] = {}  # time of the first message of each file
    damage = ""
    for stream in streams:
        for message in stream.messages():
            topic, time = _topic_of_channel(message.channel), message.time
            counts[topic] = counts.get(topic, 0) + 1
            first, last = spans.get(topic, (time, time))
            spans[topic] = min(first, time), max(last, time)
            begins.setdefault(stream.path, time)
        if stream.damage:
            damage = f"{stream.path.name}: {stream.damage}"
    streams.sort(key=lambda stream: begins.get(stream.path, 0))

    def read() -> Iterator[Record]:
        for stream in streams:
            for message in stream.messages():
                topic = _topic_of_channel(message.channel)
                yield Record(topic, message.time, _unpacked(message.data))

    return Bag(path, counts, "", damage, read, spans.__getitem__)


def _topic_of_channel(channel: "Channel") -> Topic:
    from rosbags.rosbag2.metadata import parse_qos

    schema = channel.schema
    try:
        qos = tuple(parse_qos(channel.metadata.get("offered_qos_profiles", "")))
    except Exception:  # of YAML or of rosbags; a bag without QoS can be read as well
        qos = ()
    return Topic(channel.topic, schema.name, schema.text, "", qos)


def _unpacked(data: bytes) -> bytes:
    """Return a message; decompressed, if each was compressed and the metadata is missing."""
    if bytes(data[:4]) != ZSTD_MAGIC:
        return data
    from siamdw_ros.recordings.mcap_stream import zstd

    return bytes(zstd.decompress(data))
