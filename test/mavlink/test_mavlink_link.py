"""UDP and serial links: they never wait, never raise, and come back."""

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from siamdw_ros.mavlink.link import (
    MAX_PEERS,
    Address,
    SerialLink,
    UdpLink,
    open_link,
    parse_address,
)


def wait(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return result


@pytest.fixture
def station() -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(10.0)
        yield one


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("udpout:127.0.0.1:14550", Address("udpout", "127.0.0.1", 14550)),
        ("udpin:[::1]:14551", Address("udpin", "::1", 14551)),
        ("serial:/dev/ttyUSB0:921600", Address("serial", "/dev/ttyUSB0", 921600)),
        ("serial:/dev/ttyACM0", Address("serial", "/dev/ttyACM0", 57600)),
    ],
)
def test_connections_have_the_form_that_mavproxy_uses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "udpout", "udpout:127.0.0.1", "tcp:x:1", "udpin:x:99999"])
def test_other_connections_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected udpout:HOST:PORT"):
        open_link(text)


def test_udpout_sends_to_one_address_and_hears_only_that(station: socket.socket) -> None:
    link = open_link(f"udpout:127.0.0.1:{station.getsockname()[1]}")
    link.send(b"hello")
    data, peer = station.recvfrom(100)
    assert data == b"hello"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"let me in", peer)
    station.sendto(b"answer", peer)
    assert [data for data, _ in wait(link.receive)] == [b"answer"]
    link.close()


def test_udpout_lives_on_while_nobody_listens(station: socket.socket) -> None:
    link = open_link(f"udpout:127.0.0.1:{station.getsockname()[1]}")
    port = station.getsockname()[1]
    station.close()
    for _ in range(20):
        link.send(b"hello")
        assert link.receive() == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as later:
        later.bind(("127.0.0.1", port))
        later.settimeout(10.0)
        link.send(b"hello")
        link.send(b"hello")  # the first one reports the refusal of the last one before
        assert later.recv(100) == b"hello"
    link.close()


def test_udpin_sends_to_those_who_talk_mavlink(station: socket.socket) -> None:
    link = open_link("udpin:127.0.0.1:0")
    assert isinstance(link, UdpLink)
    station.sendto(b"hello", ("127.0.0.1", link.port))
    ((data, sender),) = wait(link.receive)
    assert data == b"hello"
    link.send(b"nobody yet")
    link.heard(sender)
    link.send(b"now")
    assert station.recv(100) == b"now"
    link.close()


def test_udpin_has_a_limited_number_of_peers() -> None:
    link = open_link("udpin:127.0.0.1:0")
    for port in range(1, 100):
        link.heard(("127.0.0.1", port))
    assert len(link._peers) == MAX_PEERS
    link.close()


def test_an_address_that_is_taken_is_an_error(station: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        open_link(f"udpin:127.0.0.1:{station.getsockname()[1]}")


def test_a_serial_line_carries_both_ways_and_its_end_is_reported() -> None:
    pytest.importorskip("serial")
    ours, theirs = os.openpty()
    link = open_link(f"serial:{os.ttyname(theirs)}:57600")
    assert isinstance(link, SerialLink)
    assert not link.datagrams
    link.send(b"hello\xfd")
    assert os.read(ours, 100) == b"hello\xfd"
    os.write(ours, b"\xfd\x00answer")
    assert b"".join(data for data, _ in wait(link.receive)) == b"\xfd\x00answer"
    os.close(ours)
    os.close(theirs)  # as when the adapter is unplugged
    wait(lambda: link.receive() == [] and link.problem)
    link.send(b"into the void")
    assert link.problem
    link.close()
