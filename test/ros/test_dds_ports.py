"""A node takes ports that were not used lately, where the package's Fast DDS profile is used."""

import contextlib
import fcntl
import os
import select
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from siamdw_ros.ros.dds_ports import (
    NUMBERS,
    VARIABLES,
    next_number,
    ports_of_its_own,
    with_number,
)
from siamdw_ros.ros.running import run_node

PROFILE = Path(__file__).parents[2] / "config" / "fastdds.xml"
DDS = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"


def number_in(profiles: str) -> str | None:
    """The number of the default participant of a profile."""
    root = ElementTree.fromstring(profiles)
    return root.findtext(f".//{DDS}participant[@is_default_profile='true']//{DDS}participantID")


def test_a_number_comes_again_only_after_all_others(tmp_path: Path) -> None:
    """Also though Fast DDS's files of killed processes are gone, which others remove."""
    assert max(NUMBERS) < 32, "others are not found without multicast"
    taken = [next_number("", tmp_path) for _ in range(2 * len(NUMBERS))]
    assert taken == 2 * list(NUMBERS)
    assert next_number("0", tmp_path) == NUMBERS[0]
    assert next_number("1", tmp_path) == NUMBERS[0], "another domain has other ports"


def test_a_port_on_which_a_process_listens_is_not_taken(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for number in set(NUMBERS) - {20, 25}:
            _listen(stack, tmp_path, 7400 + 250 * 5 + 11 + 2 * number)
        (tmp_path / f"fastrtps_port{7400 + 250 * 5 + 11 + 2 * 20}_el").touch()  # was killed
        assert [next_number("5", tmp_path) for _ in range(3)] == [20, 25, 20]
        assert next_number("", tmp_path) == 16
        for number in (20, 25):
            _listen(stack, tmp_path, 7400 + 250 * 5 + 10 + 2 * number)  # that of discovery
        assert next_number("5", tmp_path) is None
    profiles = PROFILE.read_text()
    assert with_number(profiles, None) == profiles


def _listen(stack: contextlib.ExitStack, folder: Path, port: int) -> None:
    """Lock a file as a process does that listens on a port."""
    file = stack.enter_context((folder / f"fastrtps_port{port}_el").open("w"))
    fcntl.flock(file, fcntl.LOCK_EX)


@pytest.mark.parametrize("content", ["", "no number", "7", "99"])
def test_whatever_the_file_holds_a_number_is_taken(content: str, tmp_path: Path) -> None:
    assert next_number("", tmp_path) == 16
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert next_number("", tmp_path) == 16


def test_without_a_place_for_the_file_no_number_is_taken(tmp_path: Path) -> None:
    assert next_number("", tmp_path / "absent") is None


@pytest.mark.parametrize("domain", ["many", "", "-1"])
def test_a_domain_that_is_none_is_left_to_ros(domain: str, tmp_path: Path) -> None:
    assert next_number(domain, tmp_path) == 16


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


def test_every_node_that_is_run_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[0], str(PROFILE))
    used = []

    def create() -> Node:
        used.append(number_in(Path(os.environ[VARIABLES[0]]).read_text()))
        raise KeyboardInterrupt

    monkeypatch.setattr(rclpy, "init", lambda **_: None)
    monkeypatch.setattr(rclpy, "try_shutdown", lambda: None)
    run_node(create, [])
    assert int(used[0] or 0) in NUMBERS


def test_without_a_place_for_a_profile_the_given_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLES[0], str(PROFILE))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with ports_of_its_own():
        assert os.environ[VARIABLES[0]] == str(PROFILE)


# Both have the same number, as nodes of two users may: Fast DDS gives the second one the next
# ports.
SAME_NUMBER = """
import sys
from siamdw_ros.ros import dds_ports
dds_ports.next_number = lambda domain: 20
import rclpy
from std_msgs.msg import String
with dds_ports.ports_of_its_own():
    rclpy.init()
    node = rclpy.create_node(sys.argv[1], namespace=sys.argv[2])
heard = set()
node.create_subscription(String, "words", lambda m: heard.add(m.data), 10)
publisher = node.create_publisher(String, "words", 10)
reported = False
while True:  # also when it has heard both: the other one may have heard less
    publisher.publish(String(data=sys.argv[1]))
    rclpy.spin_once(node, timeout_sec=0.05)
    if len(heard) == 2 and not reported:
        reported = True
        print(*sorted(heard), flush=True)
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
        for node in nodes:
            assert node.stdout is not None
            assert select.select([node.stdout], [], [], 120)[0], "it has not heard both"
            assert node.stdout.readline() == "one two\n"
    finally:
        for node in nodes:
            node.kill()
