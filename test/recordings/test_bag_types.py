"""Definitions of message types."""

import json
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

from siamdw_ros.recordings.bag_reader import Topic
from siamdw_ros.recordings.bag_types import described, installed

TYPES = [
    "sensor_msgs/msg/Image",
    "vision_msgs/msg/Detection2DArray",
    "siamdw_msgs/msg/TrackerStatus",
]


@pytest.mark.parametrize("name", TYPES)
def test_hash_is_that_of_the_installed_type(name: str) -> None:
    """ROS wrote it beside the definition when it generated the type."""
    package, _, kind = name.split("/")
    path = Path(get_package_share_directory(package), "msg", f"{kind}.json")
    if not path.is_file():
        pytest.skip("this ROS has no type hashes")  # Humble
    hashes = {
        one["type_name"]: one["hash_string"] for one in json.loads(path.read_text())["type_hashes"]
    }
    text, digest = installed(name) or ("", "")
    assert digest == hashes[name]
    assert "std_msgs/Header" in text or "std_msgs/msg/Header" in text


def test_definition_of_a_bag_comes_before_the_installed_one() -> None:
    own = Topic("/a", "own_msgs/msg/Number", "int32 data\n")
    text, digest = described(own) or ("", "")
    assert text == "int32 data\n"
    assert digest.startswith("RIHS01_")
    kept = Topic("/a", "own_msgs/msg/Number", "int32 data\n", "RIHS01_1")
    assert described(kept) == ("int32 data\n", "RIHS01_1")


def test_bag_without_definitions_takes_the_installed_ones() -> None:
    assert described(Topic("/a", TYPES[0])) == installed(TYPES[0])
    assert described(Topic("/a", "nobody_msgs/msg/Odd")) is None
    assert described(Topic("/a", "std_msgs/msg/Nothing")) is None


def test_definition_that_cannot_be_parsed_is_none() -> None:
    assert described(Topic("/a", "own_msgs/msg/Number", "this is ] no definition")) is None
