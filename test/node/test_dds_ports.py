"""A node takes ports that no other has had, where the package's Fast DDS profile is used."""

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from siamdw_ros.node.process.dds_ports import (
    NUMBERS,
    VARIABLES,
    ports_of_its_own,
    unused_number,
    with_number,
)

PROFILE = Path(__file__).parents[2] / "config" / "fastdds.xml"
DDS = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"


def leave_behind(folder: Path, port: int) -> None:
    """What a process that listened on a port leaves when it is killed."""
    for suffix in ("", "_el"):
        (folder / f"fastrtps_port{port}{suffix}").touch()
    (folder / f"sem.fastrtps_port{port}_mutex").touch()


def number_in(profiles: str) -> str | None:
    """The number of the default participant of a profile."""
    root = ElementTree.fromstring(profiles)
    return root.findtext(f".//{DDS}participant[@is_default_profile='true']//{DDS}participantID")


def test_ports_that_somebody_has_had_are_left_alone(tmp_path: Path) -> None:
    assert unused_number("", tmp_path) == 16
    leave_behind(tmp_path, 7400 + 10 + 2 * 16)  # for discovery
    leave_behind(tmp_path, 7400 + 11 + 2 * 17)  # for data
    assert unused_number("", tmp_path) == 18
    assert unused_number("0", tmp_path) == 18
    assert unused_number("1", tmp_path) == 16  # another domain, other ports


def test_when_all_are_had_the_one_that_died_first_comes_again(tmp_path: Path) -> None:
    assert max(NUMBERS) < 32, "others are not found without multicast"
    for number in NUMBERS:
        leave_behind(tmp_path, 7400 + 250 * 5 + 11 + 2 * number)
        for file in tmp_path.glob(f"*_port{7400 + 250 * 5 + 11 + 2 * number}*"):
            age = 100 if number == 20 else 10
            os.utime(file, (time.time() - age, time.time() - age))
    assert unused_number("5", tmp_path) == 20


def test_a_port_on_which_a_process_listens_is_not_taken(tmp_path: Path) -> None:
    for number in NUMBERS:
        leave_behind(tmp_path, 7400 + 11 + 2 * number)
    with contextlib.ExitStack() as stack:
        for file in tmp_path.glob("*_el"):
            if f"port{7400 + 11 + 2 * 25}_" not in file.name:
                fcntl.flock(stack.enter_context(file.open()), fcntl.LOCK_EX)
        assert unused_number("", tmp_path) == 25
    with contextlib.ExitStack() as stack:
        for file in tmp_path.glob("*_el"):
            fcntl.flock(stack.enter_context(file.open()), fcntl.LOCK_EX)
        assert unused_number("", tmp_path) is None
    profiles = PROFILE.read_text()
    assert with_number(profiles, None) == profiles


@pytest.mark.parametrize("domain", ["many", "", "-1"])
def test_a_domain_that_is_none_is_left_to_ros(domain: str, tmp_path: Path) -> None:
    assert unused_number(domain, tmp_path) == 16


def test_the_packages_profile_gets_the_number() -> None:
    assert number_in(PROFILE.read_text()) is None
    assert number_in(with_number(PROFILE.read_text(), 21)) == "21"


@pytest.mark.parametrize(
    "profiles",
    [
        PROFILE.read_text().replace('"siamdw_ros"', '"a_robots_own"'),
        with_number(PROFILE.read_text(), 3),
        "no XML at all",
    ],
)
def test_any_other_profile_is_left_as_it_is(profiles: str) -> None:
    assert with_number(profiles, 21) == profiles


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_profile_is_replaced_for_a_while(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with ports_of_its_own():
        assert not set(VARIABLES) & set(os.environ)
    monkeypatch.setenv(variable, str(PROFILE))
    with ports_of_its_own():
        used = Path(os.environ[variable])
        assert int(number_in(used.read_text()) or 0) in NUMBERS
    assert os.environ[variable] == str(PROFILE)
    assert not used.exists()
    monkeypatch.setenv(variable, str(tmp_path / "absent.xml"))
    with ports_of_its_own():
        assert os.environ[variable] == str(tmp_path / "absent.xml")


def test_without_a_place_for_a_profile_the_given_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[0], str(PROFILE))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with ports_of_its_own():
        assert os.environ[VARIABLES[0]] == str(PROFILE)


# Both choose before the other one has its ports, as two nodes of one launch file may: Fast DDS
# gives the second one the next ports.
SAME_NUMBER = """
import sys
from siamdw_ros.node.process import dds_ports
dds_ports.unused_number = lambda domain: 20
import rclpy
from std_msgs.msg import String
with dds_ports.ports_of_its_own():
    rclpy.init()
    node = rclpy.create_node(sys.argv[1], namespace=sys.argv[2])
heard = []
node.create_subscription(String, "words", lambda m: heard.append(m.data), 10)
publisher = node.create_publisher(String, "words", 10)
while len(set(heard)) < 2:
    publisher.publish(String(data=sys.argv[1]))
    rclpy.spin_once(node, timeout_sec=0.05)
for _ in range(20):  # the other one may have heard less
    publisher.publish(String(data=sys.argv[1]))
    rclpy.spin_once(node, timeout_sec=0.05)
print(" ".join(sorted(set(heard))))
"""


@pytest.mark.ros
def test_two_nodes_that_choose_the_same_ports_at_once_hear_each_other(ros_domain: None) -> None:
    environment = {**os.environ, VARIABLES[0]: str(PROFILE)}
    namespace = f"/test_{os.getpid()}"
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", SAME_NUMBER, name, namespace],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in ("one", "two")
    ]
    try:
        assert [node.communicate(timeout=120)[0] for node in nodes] == ["one two\n"] * 2
    finally:
        for node in nodes:
            node.kill()
