"""Definitions of message types: those in a bag, those that are installed, those of rosbags."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)

from siamdw_ros.recordings.bag_reader import BagError, Topic

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
IDL = "=" * 80 + "\nIDL: "  # what a definition in this language begins with


def described(topic: Topic) -> tuple[str, str] | None:
    """Return definition and hash of a topic's type; None if they cannot be known.

    A bag of Humble in sqlite3 has no definitions. Then those of this machine are taken.
    """
    if not topic.definition:
        return installed(topic.type)
    if topic.digest:
        return topic.definition, topic.digest
    digest = _digest(topic)
    return (topic.definition, digest) if digest else None


def check_image_type(topic: Topic, distribution: str) -> None:
    """Check that the images of a topic can be read with the messages that are installed.

    Args:
        topic: The topic.
        distribution: Distribution of ROS that recorded it; empty if that is not known.

    Raises:
        BagError: They are of another type, or of another definition of it.
    """
    if topic.type not in IMAGE_TYPES:
        raise BagError(
            f"topic {topic.name} is of type {topic.type}: expected {IMAGE_TYPES[0]} "
            f"or {IMAGE_TYPES[1]}"
        )
    found, own = described(topic), installed(topic.type)
    if found and own and found[1] != own[1]:
        recorder = f"ROS 2 {distribution.capitalize()}" if distribution else "the bag's ROS"
        raise BagError(
            f"topic {topic.name}: {topic.type} of {recorder} is not that of this ROS: use "
            "track_bag with the distribution that recorded the bag"
        )


@lru_cache(maxsize=64)
def installed(name: str) -> tuple[str, str] | None:
    """Return definition and hash of a type that is installed on this machine, or None."""
    store = _store()
    try:
        _register(store, name)
        text, _ = store.generate_msgdef(name, ros_version=2)
        return text, store.hash_rihs01(name)
    except (TypesysError, KeyError, OSError, PackageNotFoundError, ValueError):
        return None


@lru_cache(maxsize=1)
def _store() -> Any:
    """Return the types that rosbags brings for the distribution that is used."""
    distribution = f"ros2_{os.environ.get('ROS_DISTRO', '')}"
    known = {store.value: store for store in Stores}
    return get_typestore(known.get(distribution, Stores.LATEST))


def _register(store: Any, name: str) -> None:
    """Add a type of an installed package, and those in it, to a store."""
    if name in store.fielddefs:
        return
    package, _, kind = name.split("/")
    path = Path(get_package_share_directory(package), "msg", f"{kind}.msg")
    types = get_types_from_msg(path.read_text(), name)
    for _, fields in types.values():
        for _, field in fields:
            for inner in _names(field):
                _register(store, inner)
    store.register({key: value for key, value in types.items() if key not in store.fielddefs})


def _names(field: Any) -> list[str]:
    """Return the message types in the type of a field."""
    if isinstance(field, tuple):
        return [name for part in field for name in _names(part)]
    return [field] if isinstance(field, str) and field.count("/") == 2 else []


def _digest(topic: Topic) -> str:
    """Return the hash of a definition; empty if it cannot be parsed."""
    parse = get_types_from_idl if topic.definition.startswith(IDL) else get_types_from_msg
    try:
        types = parse(topic.definition, *([] if parse is get_types_from_idl else [topic.type]))
        store = get_typestore(Stores.EMPTY)
        store.register(types)
        return str(store.hash_rihs01(topic.type))
    except (TypesysError, KeyError, ValueError):
        return ""
