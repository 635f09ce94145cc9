"""Packets of any kind: what is not understood is counted, and changes nothing else."""

import gc
import random
import struct
import tracemalloc

import pytest
from ground_station import Station
from pymavlink.dialects.v20 import ardupilotmega
from pymavlink.dialects.v20 import common as mavlink
from wired import Wired

from siamdw_ros.mavlink.cameras import Cameras, Network
from siamdw_ros.mavlink.codec import Parser
from siamdw_ros.mavlink.messages import CameraDescription

MAX_PACKET = 280  # bytes: header, 255 of payload, checksum, signature
PACKETS = 100_000
STEPS = 10
GROWTH = 64 * 2**10  # bytes; one packet that is kept of each step would be more


def packet(message=None) -> bytes:
    """A valid packet, by default a heartbeat of the autopilot."""
    sender = mavlink.MAVLink(None, 1, 1)
    return bytes((message or mavlink.MAVLink_heartbeat_message(2, 3, 0, 0, 4, 3)).pack(sender))


def command(number: int, *parameters: float) -> bytes:
    values = [*parameters, *[0.0] * (7 - len(parameters))]
    return packet(mavlink.MAVLink_command_long_message(1, 100, number, 0, *values))


def test_a_damaged_packet_is_counted_and_the_next_one_is_read() -> None:
    parser = Parser(datagrams=True)
    damaged = bytearray(packet())
    damaged[-1] ^= 1
    assert parser.parse(bytes(damaged)) == []
    assert [message.get_type() for message in parser.parse(packet())] == ["HEARTBEAT"]
    assert (parser.counts.malformed, parser.counts.accepted) == (1, 1)


def test_a_message_of_another_dialect_is_counted_as_unknown() -> None:
    sender = ardupilotmega.MAVLink(None, 1, 1)
    message = ardupilotmega.MAVLink_ahrs_message(0, 0, 0, 0, 0, 0, 0)
    parser = Parser(datagrams=True)
    assert parser.parse(bytes(message.pack(sender))) == []
    assert (parser.counts.unknown, parser.counts.malformed) == (1, 0)


def test_a_datagram_that_was_cut_off_does_not_spoil_the_next() -> None:
    parser = Parser(datagrams=True)
    assert parser.parse(packet()[:-3]) == []
    assert len(parser.parse(packet() * 3)) == 3
    assert parser.counts.malformed == 1


@pytest.mark.parametrize("size", [1, 7, 20, 33])
def test_a_stream_is_read_in_pieces_of_any_size(size: int) -> None:
    parser = Parser(datagrams=False)
    stream = packet() * 50
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert sum(len(parser.parse(piece)) for piece in pieces) == 50
    assert parser.counts.malformed == 0


def test_a_stream_that_never_pauses_is_not_stored() -> None:
    parser = Parser(datagrams=False)
    stream = packet() * 2000
    for start in range(3, len(stream), 20):  # each piece ends inside a packet
        parser.parse(stream[start : start + 20])
        assert len(parser._data) <= MAX_PACKET


def test_mavlink_1_commands_are_understood(wired: Wired) -> None:
    sender = mavlink.MAVLink(None, 255, 190)
    message = mavlink.MAVLink_command_long_message(
        1, 100, mavlink.MAV_CMD_CAMERA_STOP_TRACKING, 0, *[0.0] * 7
    )
    wired.cameras.receive(bytes(message.pack(sender, force_mavlink1=True)), wired.now)
    assert len(wired.cameras.take_requests()) == 1


def test_a_command_int_is_understood(wired: Wired) -> None:
    station = Station(lambda data: wired.cameras.receive(data, wired.now))
    number = mavlink.MAV_CMD_CAMERA_TRACK_RECTANGLE
    station.send(
        mavlink.MAVLink_command_int_message(1, 100, 0, number, 0, 0, 0.25, 0.5, 0.5, 0.75, 0, 0, 0)
    )
    assert wired.cameras.take_requests()[0].box == (0.25, 0.5, 0.25, 0.25)


def test_our_own_packets_are_ignored_when_a_router_sends_them_back(wired: Wired) -> None:
    wired.cameras.tick(wired.now)
    assert not any(wired.cameras.receive(one, wired.now) for one in wired.cameras.take_output())
    assert wired.cameras.receive(packet(), wired.now)


class Noise:
    """Random and mutated packets, the same with each seed.

    Attributes:
        valid: How many of the packets are valid by construction.
    """

    def __init__(self, seed: int) -> None:
        self.valid = 0
        self._random = random.Random(seed)
        self._kinds = list(mavlink.mavlink_map.values())

    def packet(self) -> bytes:
        kind = self._random.choice((self._bytes, self._mutated, self._message, self._command))
        self.valid += kind in (self._message, self._command)
        return kind()

    def _bytes(self) -> bytes:
        start = self._random.choice((b"\xfd", b"\xfe", b""))
        return start + self._random.randbytes(self._random.randrange(300))

    def _mutated(self) -> bytes:
        command = self._command()
        data = bytearray(command)
        for _ in range(self._random.randrange(1, 6)):
            data[self._random.randrange(len(data))] = self._random.randrange(256)
        del data[self._random.randrange(1, len(data) + 1) :]
        self.valid += data == command  # a byte may be set to what it was
        return bytes(data)

    def _message(self) -> bytes:
        """Any message of the dialect, with a valid checksum and random content."""
        kind = self._random.choice(self._kinds)
        payload = self._random.randbytes(kind.unpacker.size)
        return self._packed(kind.id, payload, kind.crc_extra)

    def _command(self) -> bytes:
        """A command for the camera, with parameters of any kind."""
        known = [*range(500, 540), *range(2000, 2011), *range(2500, 2506)]
        values = (0.0, 0.3, 0.6, 1.0, 100.0, 275.0, 259.0, -1.0, 1e6, float("nan"), float("inf"))
        parameters = [self._random.choice(values) for _ in range(7)]
        if self._random.random() < 0.2:
            parameters = list(struct.unpack("<7f", self._random.randbytes(28)))
        head = (self._random.choice(known), self._random.choice((0, 1, 2)), 100, 0)
        kind = mavlink.mavlink_map[mavlink.MAVLINK_MSG_ID_COMMAND_LONG]
        payload = struct.pack("<7fHBBB", *parameters, *head)
        return self._packed(kind.id, payload, kind.crc_extra)

    def _packed(self, number: int, payload: bytes, crc_extra: int) -> bytes:
        head = struct.pack("<BBBBBB", len(payload), 0, 0, 0, 255, 190)
        body = head + struct.pack("<I", number)[:3] + payload
        checksum = mavlink.x25crc(bytearray(body + bytes([crc_extra]))).crc
        return b"\xfd" + body + struct.pack("<H", checksum)


def noise_and_valid_packets(packets: int) -> tuple[list[bytes], list[bytes]]:
    """Return noise that ends in valid packets, and all valid packets among it."""
    noise = Noise(3)
    everything, valid = [], []
    for _ in range(packets):
        before = noise.valid
        everything.append(noise.packet())
        if noise.valid > before:
            valid.append(everything[-1])
    end = [packet()] * 20
    return everything + end, valid + end


def read(parser: Parser, pieces: list[bytes]) -> list[bytes]:
    """Return the packets that are accepted."""
    return [bytes(message.get_msgbuf()) for one in pieces for message in parser.parse(one)]


def test_no_valid_packet_is_lost_among_malformed_datagrams() -> None:
    datagrams, valid = noise_and_valid_packets(3000)
    made = set(valid)
    assert [one for one in read(Parser(datagrams=True), datagrams) if one in made] == valid


@pytest.mark.parametrize("size", [1, 40, 300, 2000])
def test_no_valid_packet_is_lost_in_a_noisy_stream(size: int) -> None:
    packets, valid = noise_and_valid_packets(3000)
    made = set(valid)
    stream = b"".join(packets)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert [one for one in read(Parser(datagrams=False), pieces) if one in made] == valid


@pytest.mark.parametrize("datagrams", [True, False])
def test_a_byte_that_only_looks_like_a_start_drops_no_packet(datagrams: bool) -> None:
    parser = Parser(datagrams=datagrams)
    for false_start in (b"\xfe", b"\xfd", b"\xfd\xff\x00", b"\xfe\x15\x00\x00\x00\x00"):
        assert read(parser, [false_start + packet() * 14]) == [packet()] * 14


def test_a_packet_waits_for_no_false_start_inside_an_unknown_one() -> None:
    sender = ardupilotmega.MAVLink(None, 1, 1)
    message = ardupilotmega.MAVLink_data64_message(0, 64, b"\xfe\xff" * 32)
    parser = Parser(datagrams=False)
    assert read(parser, [bytes(message.pack(sender)), packet()]) == [packet()]
    assert (parser.counts.unknown, parser.counts.malformed) == (1, 0)


def bombard(cameras: Cameras, noise: Noise, packets: int, now: float) -> float:
    """Send 1000 packets per second, and answer nothing of what they ask of the tracker."""
    for _ in range(packets):
        cameras.receive(noise.packet(), now)
        cameras.tick(now)
        cameras.take_output()
        for request in cameras.take_requests():
            cameras.components[request.camera].answer(request, 4, "busy", now)
        now += 0.001
    return now


def check_that_all_is_as_before(cameras: Cameras, noise: Noise, now: float) -> None:
    """Every valid packet has been read, and the next command is obeyed."""
    stop = command(mavlink.MAV_CMD_CAMERA_STOP_TRACKING)
    # In a stream, the noise may end in the start of a packet that is as long as packets can be.
    repeated = 1 if cameras._network.datagrams else MAX_PACKET // len(stop) + 1
    for _ in range(repeated):
        cameras.receive(stop, now)
    assert cameras.take_requests()[-1].box is None
    # The checksum of a damaged packet is right by accident once in 65,536 times.
    accidents = cameras.counts.accepted - noise.valid - repeated
    assert 0 <= accidents < 3 + noise.valid / 2**12


@pytest.mark.parametrize("datagrams", [True, False])
def test_noise_changes_nothing(datagrams: bool) -> None:
    cameras = Cameras(Network(datagrams=datagrams), [CameraDescription("front")], 0.0)
    noise = Noise(1)
    now = bombard(cameras, noise, 3000, 0.0)
    assert cameras.counts.malformed > 500
    assert cameras.counts.accepted > 500
    check_that_all_is_as_before(cameras, noise, now)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("datagrams", [True, False])
def test_100000_random_and_mutated_packets_change_nothing_and_leave_nothing(
    datagrams: bool,
) -> None:
    cameras = Cameras(Network(datagrams=datagrams), [CameraDescription("front")], 0.0)
    noise = Noise(2)
    now = bombard(cameras, noise, 1000, 0.0)
    tracemalloc.start()
    sizes = []
    for _ in range(STEPS):
        now = bombard(cameras, noise, PACKETS // STEPS, now)
        gc.collect()  # pymavlink's exceptions are in cycles, which wait for a full collection
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    print(f"{PACKETS} packets: {cameras.counts}, {cameras.unhandled} unhandled, bytes {sizes}")
    assert sizes[-1] - sizes[1] < GROWTH
    check_that_all_is_as_before(cameras, noise, now)
