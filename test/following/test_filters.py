"""The robot's own motion and the target's, over stamps."""

import math

import numpy as np
import pytest

from siamdw_ros.following.camera import rotation_from_euler
from siamdw_ros.following.own_motion import OwnMotion, Pose
from siamdw_ros.following.target_filter import RateFilter, TargetFilter


def pose(stamp: float, yaw: float, x: float = 0.0, turn: float = 0.0, speed: float = 0.0) -> Pose:
    return Pose(
        stamp,
        np.array([x, 0.0, 0.0]),
        rotation_from_euler(0, 0, yaw),
        np.array([speed, 0.0, 0.0]),
        np.array([0.0, 0.0, turn]),
    )


def yaw_of(found: Pose) -> float:
    return math.atan2(found.rotation[1, 0], found.rotation[0, 0])


def test_a_pose_between_two_is_interpolated() -> None:
    own = OwnMotion()
    own.add(pose(1.0, 0.0))
    own.add(pose(1.2, 0.4, x=1.0))
    assert yaw_of(own.at(1.05)) == pytest.approx(0.1, abs=0.002)
    assert own.at(1.05).position[0] == pytest.approx(0.25)


def test_a_pose_after_the_newest_is_extrapolated_for_a_moment() -> None:
    own = OwnMotion()
    own.add(pose(1.0, 0.0, turn=1.0, speed=2.0))
    assert yaw_of(own.at(1.1)) == pytest.approx(0.1)
    assert own.at(1.1).position[0] == pytest.approx(0.2, abs=0.001)
    assert yaw_of(own.at(9.0)) == pytest.approx(0.25)


def test_time_that_jumps_back_starts_the_history_anew() -> None:
    own = OwnMotion()
    own.add(pose(100.0, 1.0))
    own.add(pose(5.0, 0.2))
    assert yaw_of(own.at(5.0)) == pytest.approx(0.2)


def test_dead_reckoning_integrates_commands() -> None:
    own = OwnMotion()
    for tick in range(11):
        own.integrate(tick * 0.1, np.array([0.5, 0, 0]), np.array([0, 0, 0.3]))
    assert yaw_of(own.at(1.0)) == pytest.approx(0.3, abs=1e-6)
    assert np.linalg.norm(own.at(1.0).position) == pytest.approx(0.5, abs=0.005)


def test_nothing_is_known_of_a_robot_without_poses_so_that_it_stands() -> None:
    assert OwnMotion().at(3.0).position.tolist() == [0, 0, 0]


def test_a_filter_learns_a_constant_rate() -> None:
    found = RateFilter(acceleration=1.0)
    for tick in range(60):
        found.update(2.0 + 0.5 * tick / 30, 0.02, tick / 30)
    assert found.rate == pytest.approx(0.5, abs=0.05)
    assert found.predict(61 / 30) == pytest.approx(2.0 + 0.5 * 61 / 30, abs=0.03)
    assert found._covariance[0, 0] < 0.02**2


def test_an_angle_passes_behind_without_a_jump() -> None:
    found = RateFilter(acceleration=1.0, cyclic=True)
    for tick in range(60):
        angle = math.pi - 0.3 + 0.4 * tick / 30
        found.update((angle + math.pi) % (2 * math.pi) - math.pi, 0.01, tick / 30)
    assert found.rate == pytest.approx(0.4, abs=0.05)


def test_measurements_out_of_order_change_nothing() -> None:
    found = RateFilter(acceleration=1.0)
    found.update(1.0, 0.1, 5.0)
    found.update(99.0, 0.1, 4.9)
    assert found.value == 1.0


def test_a_long_gap_starts_the_filter_anew() -> None:
    found = RateFilter(acceleration=1.0, value=None)
    found.update(1.0, 0.1, 5.0)
    found.update(7.0, 0.1, 9.0)
    assert (found.value, found.rate) == (7.0, 0.0)


def test_the_own_approach_is_not_motion_of_the_target() -> None:
    found = TargetFilter()
    for tick in range(90):
        stamp = tick / 30
        found.update_direction(0.0, 0.0, 0.01, stamp)
        found.update_distance(5.0 - stamp, 0.05, stamp, 1 / 30 if tick else 0.0)
    sight = found.at(89 / 30 + 0.1, own_advance=0.1)
    assert sight is not None
    assert sight.target_speed == pytest.approx(0.0, abs=0.05)
    assert sight.distance == pytest.approx(5.0 - 89 / 30 - 0.1, abs=0.05)


def test_an_old_distance_is_not_known_any_more() -> None:
    found = TargetFilter()
    found.update_direction(0.0, 0.0, 0.01, 1.0)
    assert found.at(1.0) is not None
    found.update_distance(3.0, 0.1, 1.0, 0.0)
    early, late = found.at(1.2), found.at(1.3)
    assert early is not None
    assert late is not None
    assert (early.distance, late.distance) == (3.0, None)
