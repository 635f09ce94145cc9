"""The commands that the camera may send to a copter, and when it stops sending."""

import pytest
from ground_station import Station
from pymavlink import mavutil
from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink.codec import Packer, Parser
from siamdw_ros.mavlink.flight import MODES, FlightControl, Permissions

ARDUPILOT, PX4 = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, mavlink.MAV_AUTOPILOT_PX4
GUIDED = {ARDUPILOT: 4, PX4: 6 << 16}
ARMED = mavlink.MAV_MODE_FLAG_SAFETY_ARMED
EVERYTHING = (0.5, 0.25, -0.5), 0.25  # forward, to the left, down; to the left


class Flight:
    """A flight control, its autopilot, and a clock that is set by hand."""

    def __init__(self, autopilot: int = ARDUPILOT, **permissions: float) -> None:
        self.now = 100.0
        self.control = FlightControl(Packer(1, 191), Permissions(**permissions))
        self.autopilot = autopilot
        self.kind = mavlink.MAV_TYPE_QUADROTOR
        self.mode = GUIDED[autopilot]
        self.armed = ARMED
        self.received = Station(lambda data: None)

    def beat(self, system: int = 1, component: int = 1) -> None:
        message = mavlink.MAVLink_heartbeat_message(
            self.kind, self.autopilot, self.armed | 1, self.mode, 4, 3
        )
        sender = mavlink.MAVLink(None, system, component)
        (parsed,) = Parser(datagrams=True).parse(bytes(message.pack(sender)))
        self.control.heartbeat(parsed, self.now)

    def run(self, seconds: float, *, seen: bool = True, command=EVERYTHING) -> None:
        for step in range(round(seconds * 20)):
            self.now += 0.05
            if step % 20 == 0:
                self.beat()
            if seen:
                self.control.seen(self.now)
            if command is not None:
                self.control.command(*command, self.now)
            self.control.tick(self.now)
            for packet in self.control.take_output():
                self.received.receive(packet)

    def setpoints(self) -> list[tuple[float, ...]]:
        found = self.received.all("SET_POSITION_TARGET_LOCAL_NED")
        return [(one.vx, one.vy, one.vz, one.yaw_rate) for one in found]

    def modes(self) -> list[tuple[float, ...]]:
        return [(one.param1, one.param2, one.param3) for one in self.received.all("COMMAND_LONG")]


def test_by_default_it_only_turns() -> None:
    flight = Flight()
    flight.run(1.0)
    assert len(flight.setpoints()) == 20
    assert set(flight.setpoints()) == {(0.0, 0.0, 0.0, -0.25)}


def test_the_setpoint_is_of_velocity_and_yaw_rate_in_the_vehicles_frame() -> None:
    flight = Flight()
    flight.run(0.1)
    setpoint = flight.received.last("SET_POSITION_TARGET_LOCAL_NED")
    assert setpoint.coordinate_frame == mavlink.MAV_FRAME_BODY_NED
    ignored = {
        entry.name.removeprefix("POSITION_TARGET_TYPEMASK_").removesuffix("_IGNORE")
        for bit, entry in mavlink.enums["POSITION_TARGET_TYPEMASK"].items()
        if setpoint.type_mask & bit and "ENUM" not in entry.name
    }
    assert ignored == {"X", "Y", "Z", "AX", "AY", "AZ", "YAW"}


def test_it_moves_where_that_is_permitted() -> None:
    flight = Flight(forward=True)
    flight.run(0.1)
    assert set(flight.setpoints()) == {(0.5, -0.25, 0.0, -0.25)}


def test_it_climbs_where_that_is_permitted_and_never_descends() -> None:
    flight = Flight(climb=True, forward=True)
    flight.run(0.1, command=((0.0, 0.0, 0.5), 0.0))
    assert set(flight.setpoints()) == {(0.0, 0.0, -0.5, 0.0)}  # down is positive
    flight.received.received.clear()
    flight.run(1.0, command=((0.0, 0.0, -0.5), 0.0))
    assert set(flight.setpoints()) == {(0.0, 0.0, 0.0, 0.0)}


@pytest.mark.parametrize(("autopilot", "hold"), [(ARDUPILOT, (1, 17, 0)), (PX4, (1, 4, 3))])
def test_a_target_lost_for_too_long_makes_it_hold_its_position(
    autopilot: int, hold: tuple[int, ...]
) -> None:
    flight = Flight(autopilot, lost_seconds=2.0)
    flight.run(1.0)
    flight.received.received.clear()
    flight.run(1.9, seen=False)
    assert flight.modes() == []
    assert all(setpoint[3] == -0.25 for setpoint in flight.setpoints())  # it searches
    flight.received.received.clear()
    flight.run(1.9, seen=False)
    assert set(flight.modes()) == {hold}
    assert len(flight.modes()) == 2  # again after a second, while the autopilot does not obey
    assert set(flight.setpoints()[2:]) == {(0.0, 0.0, 0.0, 0.0)}
    assert "lost" in flight.control.problem


@pytest.mark.parametrize("change", [{"mode": 5}, {"armed": 0}])
def test_it_changes_no_mode_that_is_not_its_own(change: dict[str, int]) -> None:
    flight = Flight()
    for name, value in change.items():
        setattr(flight, name, value)
    flight.run(10.0, seen=False)
    assert flight.modes() == []


def test_without_the_follower_the_mode_is_the_pilots() -> None:
    flight = Flight()
    flight.run(10.0, seen=False, command=None)
    assert flight.modes() == []
    assert flight.setpoints() == []


def test_a_follower_that_becomes_silent_leaves_the_vehicle_standing() -> None:
    flight = Flight(forward=True)
    flight.run(1.0)
    flight.received.received.clear()
    flight.run(2.0, command=None)
    assert flight.setpoints() == [(0.0, 0.0, 0.0, 0.0)] * 5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_values_that_no_packet_can_hold_are_zero(value: float) -> None:
    flight = Flight(forward=True)
    flight.run(0.1, command=((value, 0.0, 0.0), 0.25))
    assert set(flight.setpoints()) == {(0.0, 0.0, 0.0, 0.0)}


def test_only_copters_are_flown() -> None:
    flight = Flight()
    flight.kind = mavlink.MAV_TYPE_FIXED_WING
    flight.run(5.0, seen=False)
    assert flight.setpoints() == []
    assert "no copter" in flight.control.problem


def test_nothing_is_sent_without_the_autopilots_heartbeat() -> None:
    control = FlightControl(Packer(1, 191), Permissions())
    control.seen(100.0)
    control.command(*EVERYTHING, 100.0)
    control.tick(100.0)
    assert control.take_output() == []
    assert "no heartbeat" in control.problem


def test_heartbeats_of_others_do_not_count() -> None:
    flight = Flight()
    flight.beat(system=2)
    flight.beat(component=100)
    flight.control.tick(flight.now)
    assert "no heartbeat" in flight.control.problem


def test_the_modes_are_those_of_pymavlink() -> None:
    copter = mavutil.mode_mapping_acm
    assert copter[MODES[ARDUPILOT].guided] == "GUIDED"
    assert copter[MODES[ARDUPILOT].hold[0]] == "BRAKE"
    assert MODES[PX4].guided >> 16 == mavutil.px4_map["OFFBOARD"][1]
    assert MODES[PX4].hold == mavutil.px4_map["LOITER"][1:]
