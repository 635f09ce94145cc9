"""Control laws and limits: properties that hold for every target and every setting."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.following.control import Aim, Controller, DeadZone, Motion, clamp
from siamdw_ros.following.limiter import STOP_SECONDS, Axis, AxisLimits, Limiter
from siamdw_ros.following.settings import VEHICLES, FollowSettings
from siamdw_ros.ros.parameters import loosened, parameters_of

FINITE = st.floats(-1e6, 1e6)
VEHICLE = st.sampled_from(VEHICLES)
AIMS = st.builds(
    Aim,
    bearing=st.floats(-math.pi, math.pi),
    bearing_rate=FINITE,
    elevation=st.floats(-1.5, 1.5),
    elevation_rate=FINITE,
    excess=st.none() | FINITE,
    target_speed=FINITE,
    distance=st.none() | st.floats(0, 1e6),
)


def within(motion: Motion, settings: FollowSettings) -> bool:
    small = 1e-9
    return (
        -settings.max_reverse - small <= motion.forward <= settings.max_speed + small
        and math.hypot(motion.forward, motion.left) <= settings.max_speed + small
        and abs(motion.up) <= settings.max_climb + small
        and abs(motion.turn) <= settings.max_turn + small
        and abs(motion.tilt) <= settings.max_turn + small
    )


@given(AIMS, VEHICLE, st.booleans())
def test_commands_are_bounded(aim: Aim, vehicle: str, turn_only: bool) -> None:
    settings = FollowSettings(vehicle=vehicle)
    assert within(Controller().follow(aim, settings, turn_only=turn_only), settings)


@given(AIMS, st.sampled_from(["differential", "omni", "pan_tilt", "drone"]))
def test_a_target_on_the_left_never_turns_right(aim: Aim, vehicle: str) -> None:
    motion = Controller().follow(aim, FollowSettings(vehicle=vehicle))
    assert motion.turn * aim.bearing >= 0


@given(st.floats(0.1, 3.1), st.sampled_from([1, -1]), st.sampled_from(["differential", "omni"]))
def test_a_target_at_the_side_turns_the_robot(bearing: float, side: int, vehicle: str) -> None:
    assert (
        Controller().follow(Aim(side * bearing), FollowSettings(vehicle=vehicle)).turn * side > 0
    )


@given(st.floats(0.2, 50), VEHICLE)
def test_a_far_target_is_approached_and_a_near_one_is_not_left_backwards(excess, vehicle) -> None:
    settings = FollowSettings(vehicle=vehicle)
    far = Controller().follow(Aim(0.0, excess=excess), settings)
    near = Controller().follow(Aim(0.0, excess=-excess), settings)
    assert far.forward > 0 or vehicle == "pan_tilt"
    assert near.forward == 0.0
    reverse = replace(settings, max_reverse=0.3)
    assert Controller().follow(Aim(0.0, excess=-excess), reverse).forward < 0 or (
        vehicle == "pan_tilt"
    )


@given(AIMS, VEHICLE)
def test_turning_only_never_drives(aim: Aim, vehicle: str) -> None:
    motion = Controller().follow(aim, FollowSettings(vehicle=vehicle), turn_only=True)
    assert (motion.forward, motion.left, motion.up) == (0, 0, 0)


@given(st.floats(math.radians(61), math.pi), st.sampled_from([1, -1]))
def test_a_differential_base_does_not_drive_before_it_faces_the_target(bearing, side) -> None:
    motion = Controller().follow(Aim(side * bearing, excess=5.0), FollowSettings())
    assert motion.forward == 0.0


def test_an_omni_base_drives_sideways_to_a_target_at_its_side() -> None:
    motion = Controller().follow(Aim(math.pi / 2, excess=2.0), FollowSettings(vehicle="omni"))
    assert motion.left > 0.4
    assert motion.forward == pytest.approx(0.0, abs=1e-9)


@given(st.floats(-1, 1), st.floats(0.2, 20), st.floats(-5, 5))
def test_an_ackermann_base_never_turns_tighter_than_it_can(bearing, distance, excess) -> None:
    settings = FollowSettings(vehicle="ackermann", max_reverse=0.4)
    motion = Controller().follow(Aim(bearing, excess=excess, distance=distance), settings)
    assert abs(motion.turn) <= abs(motion.forward) / settings.min_turning_radius + 1e-9
    assert motion.turn * bearing >= 0  # backwards, too, it turns towards the target


def test_a_reversing_ackermann_base_turns_towards_the_target() -> None:
    settings = FollowSettings(vehicle="ackermann", max_reverse=0.4)
    motion = Controller().follow(Aim(0.3, excess=-1.0, distance=1.0), settings)
    assert motion.forward < 0
    assert motion.turn > 0


def test_a_drone_climbs_to_a_target_above_it() -> None:
    settings = FollowSettings(vehicle="drone", elevation=-0.1)
    assert Controller().follow(Aim(0.0, elevation=0.2), settings).up > 0
    assert Controller().follow(Aim(0.0, elevation=-0.4), settings).up < 0


def test_a_pan_tilt_head_looks_up_at_a_target_above_it() -> None:
    motion = Controller().follow(Aim(0.0, elevation=0.2), FollowSettings(vehicle="pan_tilt"))
    assert motion.tilt > 0
    assert motion.turn == 0


def test_a_dead_zone_has_hysteresis() -> None:
    zone = DeadZone()
    found = [zone.apply(error, 0.1) for error in (0.09, 0.11, 0.06, 0.04, 0.09, 0.11)]
    assert found == [0, 0.11, 0.06, 0, 0, 0.11]


@given(st.builds(Motion, *[st.floats()] * 5), VEHICLE)
def test_anything_is_cut_to_the_envelope(motion: Motion, vehicle: str) -> None:
    settings = FollowSettings(vehicle=vehicle)
    assert within(clamp(motion, settings), settings)


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=60), st.floats(0.005, 0.1))
def test_acceleration_and_jerk_are_limited(wanted: list[float], seconds: float) -> None:
    axis = Axis()
    limits = AxisLimits(acceleration=1.5, deceleration=2.5, jerk=6.0)
    before = 0.0
    accelerations = [0.0]
    for value in wanted:
        slows = (value - before) * before < 0
        now = axis.step(value, seconds, limits)
        acceleration = (now - before) / seconds
        most = limits.deceleration if slows else limits.acceleration
        assert abs(acceleration) <= most + 1e-6
        assert now * before >= 0, "it went through zero without a stop"
        # The last step to the wanted velocity may end an acceleration at once, it makes none.
        if now != value and not slows:
            assert abs(acceleration - accelerations[-1]) <= limits.jerk * seconds + 1e-6
        accelerations.append(axis.acceleration)
        before = now


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.01, 0.05))
def test_a_velocity_is_reached_without_overshoot(begin, wanted, seconds) -> None:
    axis = Axis(velocity=begin)
    limits = AxisLimits(acceleration=1.0, deceleration=2.0, jerk=5.0)
    reached = [axis.step(wanted, seconds, limits) for _ in range(int(6 / seconds))]
    assert reached[-1] == pytest.approx(wanted)
    low, high = min(begin, wanted), max(begin, wanted)
    assert all(low - 1e-9 <= velocity <= high + 1e-9 for velocity in reached)


@given(st.floats(0.005, 0.1))
def test_braking_stops_from_full_speed_in_time(seconds: float) -> None:
    settings = FollowSettings(max_reverse=0.2)
    limiter = Limiter()
    full = Motion(0.5, 0.5, 0.5, -1.0, 1.0)
    limiter.reduce_to(full)
    for _ in range(math.ceil(STOP_SECONDS / seconds + 1e-9)):
        motion = limiter.brake(seconds, settings)
    assert motion.stands()


def test_safety_limits_can_be_tightened_but_not_loosened() -> None:
    first = FollowSettings()
    assert not loosened(first, replace(first, max_speed=0.2, obstacle_margin=0.5))
    assert "max_speed" in loosened(first, replace(first, max_speed=0.6))
    assert "obstacle_margin" in loosened(first, replace(first, obstacle_margin=0.1))
    assert not loosened(first, replace(first, gap=3.0))


def test_every_default_is_within_its_limits() -> None:
    for parameter in parameters_of(FollowSettings):
        if parameter.limits:
            assert parameter.limits[0] <= parameter.default <= parameter.limits[1], parameter.name


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"obstacle_source": "depth"}, "camera_z"),
        ({"obstacle_source": "depth", "camera_z": 0.6, "vehicle": "drone"}, "ground vehicle"),
        ({"vehicle": "pan_tilt"}, "use_odometry"),
    ],
)
def test_settings_that_mislead_the_robot_are_refused(changes: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FollowSettings(**changes).check()
