"""Runs in simulated time with the real tracker: short versions of make follow-demo."""

import math
from dataclasses import replace

import pytest

from siamdw_ros.following.camera import Mount
from siamdw_ros.following.control import Motion
from siamdw_ros.siamdw import create_tracker
from siamdw_ros.simulation.closed_loop import ClosedLoop
from siamdw_ros.simulation.report import figures, on_target, time_to_stand
from siamdw_ros.simulation.scenarios import SCENARIOS
from siamdw_ros.simulation.vehicles import Quadrotor, Vehicle

RATE = 10.0
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def tracker():
    return create_tracker(device="cpu")


@pytest.mark.parametrize("kind", ["base", "drone"])
def test_a_walking_person_is_followed_and_a_stall_stops_the_robot(kind, tracker) -> None:
    scenario = replace(BY_NAME["straight"], seconds=5.0, stall=(4.0, 9.0))
    loop = ClosedLoop(scenario, kind, tracker, RATE)
    records = list(loop.run())
    present = [record for record in records if record.truth is not None]
    assert sum(map(on_target, present)) >= 0.95 * len(present)
    driving = [record for record in records if 2.0 < record.time < 4.0]
    assert min(record.motion.forward for record in driving) > 0.2
    assert max(abs(record.bearing) for record in driving) < 0.15
    found = figures(records, scenario, loop.settings, loop.camera)
    assert found["collisions"] == 0
    assert found["standing after stall (s)"] <= 0.55  # images every 0.1 s, commands every 0.05 s
    stalled = time_to_stand(records, 4.6)
    assert stalled == pytest.approx(0.0, abs=0.11)


def test_a_person_behind_a_pillar_is_lost_and_found_again(tracker) -> None:
    scenario = BY_NAME["pillar"]
    loop = ClosedLoop(scenario, "base", tracker, RATE, seed=3)
    records = list(loop.run())
    found = figures(records, scenario, loop.settings, loop.camera)
    assert found["collisions"] == 0
    assert (found.get("time to re-find (s)") or math.inf) < 7.0
    assert on_target(records[-1])


def test_a_vehicle_reaches_the_commanded_velocity() -> None:
    vehicle = Vehicle(Mount())
    for _ in range(100):
        vehicle.step(Motion(forward=0.5), 0.02)
    assert vehicle.motion.forward == pytest.approx(0.5, abs=0.001)
    assert vehicle.position[0] == pytest.approx(0.5 * (2.0 - vehicle.lag), abs=0.02)


def test_a_drone_pitches_forward_to_accelerate_and_levels_out() -> None:
    drone = Quadrotor(Mount())
    pitches = []
    for _ in range(200):
        drone.step(Motion(forward=1.0), 0.02)
        pitches.append(drone.pitch)
    assert max(pitches) > 0.1
    assert pitches[-1] == pytest.approx(0.0, abs=0.005)
