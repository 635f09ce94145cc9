"""The follower's pan-tilt rates for a gimbal manager."""

import math

import pytest
from ground_station import Station
from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink.codec import Packer
from siamdw_ros.mavlink.gimbal import GimbalControl

OWN, MANAGER = (1, 191), (1, 1)


class Rig:
    """A gimbal control, and who receives its messages."""

    def __init__(self) -> None:
        self.control = GimbalControl(Packer(*OWN), MANAGER, device=154)
        self.manager = Station(lambda data: None)

    def carry(self) -> None:
        for packet in self.control.take_output():
            self.manager.receive(packet)

    def rates(self) -> list[tuple[float, float]]:
        self.carry()
        found = self.manager.all("GIMBAL_MANAGER_SET_PITCHYAW")
        return [(one.pitch_rate, one.yaw_rate) for one in found]

    def claims(self) -> list[float]:
        self.carry()
        return [one.param1 for one in self.manager.all("COMMAND_LONG")]

    def acknowledge(self, result: int, target: tuple[int, int] = OWN) -> None:
        number = mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE
        self.control.acknowledged(
            mavlink.MAVLink_command_ack_message(number, result, 0, 0, *target)
        )


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_rates_are_sent_without_angles_to_the_manager(rig: Rig) -> None:
    rig.control.command(0.25, -0.5, 10.0)
    assert rig.rates() == [(0.25, -0.5)]
    message = rig.manager.last("GIMBAL_MANAGER_SET_PITCHYAW")
    assert (message.target_system, message.target_component) == MANAGER
    assert message.gimbal_device_id == 154
    assert math.isnan(message.pitch)
    assert math.isnan(message.yaw)


def test_the_control_is_asked_for_until_it_is_answered_and_given_back(rig: Rig) -> None:
    for index in range(25):
        rig.control.command(0.1, 0.1, 10.0 + index * 0.1)
    assert rig.claims() == [1.0, 1.0, 1.0]
    rig.acknowledge(mavlink.MAV_RESULT_ACCEPTED)
    for index in range(25, 60):
        rig.control.command(0.1, 0.1, 10.0 + index * 0.1)
    assert len(rig.claims()) == 3
    for time in (16.0, 17.0, 17.9, 18.0, 20.0):
        rig.control.tick(time)
    assert rig.claims()[3:] == [-3.0]


def test_a_refused_control_is_reported(rig: Rig) -> None:
    rig.control.command(0.1, 0.1, 10.0)
    rig.acknowledge(mavlink.MAV_RESULT_DENIED, target=(255, 190))
    assert rig.control.problem == ""
    rig.acknowledge(mavlink.MAV_RESULT_DENIED)
    assert "no control of the gimbal" in rig.control.problem


def test_a_follower_that_becomes_silent_stops_the_gimbal(rig: Rig) -> None:
    rig.control.command(0.25, 0.0, 10.0)
    for step in range(75):
        rig.control.tick(10.0 + step * 0.02)
    assert rig.rates() == [(0.25, 0.0), *[(0.0, 0.0)] * 5]  # some may be lost on the way


def test_nothing_is_sent_while_the_follower_does_not_command(rig: Rig) -> None:
    for time in range(10):
        rig.control.tick(float(time))
    assert rig.control.take_output() == []


@pytest.mark.parametrize("rate", [math.nan, math.inf, 1e300])
def test_rates_that_no_packet_can_hold_are_not_sent(rig: Rig, rate: float) -> None:
    rig.control.command(rate, 0.1, 10.0)
    assert rig.control.take_output() == []
