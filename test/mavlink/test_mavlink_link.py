"""UDP and serial links: they never wait, never raise, and come back."""

import contextlib
import io
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from siamdw_ros.mavlink.link import (
    MAX_PEERS,
    PEER_SECONDS,
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


def test_a_peer_that_cannot_be_reached_silences_no_other(station: socket.socket) -> None:
    link = open_link("udpin:127.0.0.1:0")
    link.heard(("255.255.255.255", 14550))  # broadcasts are not permitted
    link.heard(station.getsockname())
    link.send(b"hello")
    assert station.recv(100) == b"hello"
    assert link.problem.startswith("255.255.255.255:14550: ")
    link.close()


def test_a_silent_peer_is_forgotten_although_no_other_is_heard(
    station: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = open_link("udpin:127.0.0.1:0")
    link.heard(station.getsockname())
    later = time.monotonic() + PEER_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    link.send(b"hello")
    monkeypatch.undo()
    link.heard(station.getsockname())
    link.send(b"heard again")
    assert station.recv(100) == b"heard again"
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


@pytest.fixture
def line() -> Iterator[tuple[SerialLink, int]]:
    """A serial link, and the descriptor of its other end, which does not wait."""
    pytest.importorskip("serial")
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    link = open_link(f"serial:{os.ttyname(theirs)}:57600")
    assert isinstance(link, SerialLink)
    yield link, ours
    link.close()
    os.close(ours)
    os.close(theirs)


def read_all(descriptor: int) -> bytes:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(descriptor, 65536):
            data += piece
    return data


@pytest.mark.timeout(60)
def test_a_serial_line_that_nobody_reads_drops_whole_packets(line: tuple[SerialLink, int]) -> None:
    link, other_end = line
    packets = [b"%03d" % number * 67 for number in range(999)]
    for packet in packets:
        link.send(packet)
    assert "full" in link.problem
    arrived = read_all(other_end)
    link.send(b"the newest")  # after the rest of the packet that was cut by the full buffer
    arrived += wait(lambda: read_all(other_end))
    assert link.problem == ""
    kept = len(arrived) // len(packets[0])
    assert 0 < kept < len(packets)
    assert arrived == b"".join(packets[:kept]) + b"the newest"


def test_a_packet_that_was_written_in_part_is_finished_first(
    line: tuple[SerialLink, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, other_end = line
    room = [3, 0, 2, 100, 100]  # bytes that the buffer takes at each write

    def write(descriptor: int, data: bytes, write: Callable[..., int] = os.write) -> int:
        if not (size := room.pop(0)):
            raise BlockingIOError
        return write(descriptor, data[:size])

    monkeypatch.setattr(os, "write", write)
    for packet in (b"first", b"second", b"third"):
        link.send(packet)
    assert wait(lambda: read_all(other_end)) == b"firstthird"


def test_a_serial_line_without_a_descriptor_waits_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serial = pytest.importorskip("serial")
    timeouts = []

    class Port(io.RawIOBase):
        """As pyserial's on Windows; its buffer is full."""

        def __init__(self, *_: object, write_timeout: float, **__: object) -> None:
            timeouts.append(write_timeout)

        def write(self, _data: object) -> int:
            raise serial.SerialTimeoutException

    monkeypatch.setattr(serial, "Serial", Port)
    link = open_link("serial:COM1:57600")
    link.send(b"hello")
    assert "full" in link.problem
    assert 0 < timeouts[0] <= 0.05
