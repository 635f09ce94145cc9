"""Writing an MCAP with the messages of a bag and what the tracker found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.errors import WriterError

from siamdw_ros.recordings.bag_reader import BagError, Record, Topic
from siamdw_ros.recordings.bag_types import described, installed

NODE = "/siamdw_tracker"


class BagWriter:
    """An MCAP that messages are appended to. Call `close` in any case: it writes the index.

    Args:
        path: Folder of the new bag.
        topics: Topics that will be copied.
        warn: Called with a line for each topic that is left out.

    Attributes:
        prefix: What the names of the tracker's topics begin with: the node's name, with a number
            if the bag has such topics already.

    Raises:
        BagError: It cannot be written.
    """

    def __init__(self, path: Path, topics: list[Topic], warn: Callable[[str], None]) -> None:
        try:
            self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise BagError(f"{path}: no bag can be written there: {error}") from error
        self._copied: dict[Topic, Any] = {}
        self._made: dict[str, Any] = {}
        self.prefix = _free_prefix([topic.name for topic in topics])
        digests: dict[str, str] = {}
        for topic in topics:
            if reason := self._add(topic, digests):
                warn(f"topic {topic.name} is left out of {path}: {reason}")

    def _add(self, topic: Topic, digests: dict[str, str]) -> str:
        """Add a topic; return why it cannot be, or an empty text."""
        if (description := described(topic)) is None:
            return f"the definition of {topic.type} is neither in the bag nor installed"
        text, digest = description
        if digests.setdefault(topic.type, digest) != digest:
            return f"the bag has another definition of {topic.type} too, of another distribution"
        try:
            self._copied[topic] = self._writer.add_connection(
                topic.name,
                topic.type,
                msgdef=text,
                rihs01=digest,
                offered_qos_profiles=list(topic.qos),
            )
        except WriterError as error:
            return str(error)
        return ""

    def copy(self, record: Record) -> None:
        """Append a message of the bag, unless its topic was left out."""
        connection = self._copied.get(record.topic)
        if connection is not None:
            self._writer.write(connection, record.time, record.data)

    def write(self, name: str, message: Any, time: int) -> None:
        """Append a message of the tracker.

        Args:
            name: Of its topic, without the prefix.
            message: The message.
            time: When it was published, in nanoseconds.

        Raises:
            BagError: Its type is not installed with its definition.
        """
        if name not in self._made:
            kind = type(message)
            type_name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
            if (description := installed(type_name)) is None:
                raise BagError(f"the definition of {type_name} is not installed")
            self._made[name] = self._writer.add_connection(
                self.prefix + name, type_name, msgdef=description[0], rihs01=description[1]
            )
        self._writer.write(self._made[name], time, serialize_message(message))

    def close(self) -> None:
        """Write the index."""
        self._writer.close()


def _free_prefix(names: list[str]) -> str:
    """Return the beginning of the tracker's topics, one that no topic has yet."""
    number, prefix = 1, f"{NODE}/"
    while any(name.startswith(prefix) for name in names):
        number += 1
        prefix = f"{NODE}_{number}/"
    return prefix
