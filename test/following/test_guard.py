"""The last stage: old, repeated or unbounded means zero, whatever is planned."""

import math
from dataclasses import replace

import pytest
from guard_rig import FAST, SETTINGS, Rig
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.following.control import Motion
from siamdw_ros.following.pilot import Observation, Plan
from siamdw_ros.siamdw.presence import State


def test_a_fresh_plan_reaches_its_speed() -> None:
    command = Rig().drive()
    assert command.motion == FAST
    assert command.reasons == ()


def test_the_command_decays_with_the_age_of_the_image_and_ends() -> None:
    rig = Rig()
    rig.drive()
    speeds = {}
    while (command := rig.tick(0.01)).age < 0.6:
        speeds[round(command.age, 2)] = command.motion.forward
    assert speeds[0.19] == pytest.approx(0.5)
    assert speeds[0.35] == pytest.approx(0.25, abs=0.03)
    assert all(speed == 0 for age, speed in speeds.items() if age >= 0.5)
    assert "s old" in command.reasons[0]


@given(st.floats(0.5, 100), st.floats(-3600, 3600), st.sampled_from(["steady", "ros", "both"]))
def test_old_by_any_clock_is_zero(age: float, jump: float, clock: str) -> None:
    rig = Rig()
    rig.drive(1.0)
    if clock != "ros":
        rig.steady += age
    if clock != "steady":
        rig.offset += age
    if clock == "both":
        rig.offset += jump  # whatever the ROS clock does: by the steady one it is old
    rig.guard.enable(True, rig.now)
    motion = rig.guard.command(rig.now).motion
    assert motion.stands() or clock == "ros"
    assert rig.tick(0.16).motion.stands()


@pytest.mark.parametrize("jump", [-3600.0, -1.0, 1.0, 3600.0])
def test_a_clock_that_jumps_stops_the_robot_when_images_stop(jump: float) -> None:
    rig = Rig()
    rig.drive()
    rig.offset += jump
    for _ in range(15):
        command = rig.tick()
    assert command.motion.stands()


def test_images_from_the_future_stop_the_robot() -> None:
    rig = Rig()
    rig.drive()
    for _ in range(6):
        rig.image(age=-3.0)
        command = rig.tick()
    assert command.motion.stands()
    assert any("future" in reason for reason in command.reasons)


def test_the_robot_drives_again_after_the_clock_was_set() -> None:
    rig = Rig()
    rig.drive()
    rig.offset -= 3600
    assert rig.drive().motion == FAST


def test_an_older_image_makes_nothing_fresher() -> None:
    rig = Rig()
    rig.drive()
    for _ in range(20):
        rig.image(age=0.7)
        command = rig.tick()
    assert command.motion.stands()


def test_repeated_results_under_fresh_stamps_stop_a_moving_robot() -> None:
    rig = Rig()
    rig.drive()
    begin = rig.steady
    box = (1.0, 2.0, 3.0, 4.0)
    moving = True
    for _ in range(60):
        stamp = rig.now.ros
        seen = Observation(stamp, 0.03, State.TRACKED, box, 0.9)
        rig.guard.accept(Plan(stamp, FAST, "driving"), seen, rig.now)
        stands = rig.tick().motion.stands()
        if moving and stands:
            assert rig.steady - begin < 0.55
        moving = moving and not stands
        assert moving or stands, "it started again"
    assert not moving
    assert rig.drive().motion == FAST


def test_a_robot_that_stands_may_receive_the_same_again_and_again() -> None:
    rig = Rig()
    seen = Observation(rig.now.ros, 0.03, State.TRACKED, (1.0, 2.0, 3.0, 4.0), 0.9)
    for _ in range(60):
        rig.guard.accept(Plan(rig.now.ros, Motion(), "driving"), seen, rig.now)
        command = rig.tick()
    assert command.reasons == ()


def test_only_a_plan_that_drives_moves_forward() -> None:
    for mode in ("turning", "searching", "confirming", "stopped", "waiting", "given up"):
        rig = Rig()
        rig.drive()
        begin = rig.steady
        while rig.steady - begin < 0.2:
            rig.image(mode=mode)
            command = rig.tick()
        assert command.motion.forward == 0, mode
        assert (command.motion.turn == 0) == (mode in ("stopped", "waiting", "given up"))


def test_an_old_distance_stops_the_robot_without_a_newer_image() -> None:
    """The pilot drops an old distance with the next image; here that image comes late."""
    rig = Rig()
    rig.drive()
    rig.image(age=0.05, measured=rig.now.ros - 0.25)
    speeds = []
    for _ in range(6):
        command = rig.tick(0.03)
        speeds.append(command.motion.forward)
    assert command.age < SETTINGS.stale_at
    assert speeds[0] > 0
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[-1] == 0.0
    assert command.motion.turn != 0.0, "a direction needs no distance"
    assert any("distance" in reason for reason in command.reasons)


def test_silent_odometry_stops_the_robot() -> None:
    rig = Rig(replace(SETTINGS, use_odometry=True))
    for tick in range(90):
        if tick < 60:
            rig.guard.odometry(0.0, rig.now)
        rig.image()
        command = rig.tick()
        if tick == 59:
            assert command.motion == FAST
    assert command.motion.stands()
    assert "odometry" in command.reasons[0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["image", "old", "enable", "release", "jump", "wait"]),
            st.floats(0.001, 0.3),
            st.builds(Motion, *[st.floats(-9, 9)] * 5),
        ),
        max_size=60,
    )
)
def test_whatever_happens_the_command_is_bounded_and_zero_when_stale(events) -> None:
    rig = Rig()
    last_good = -math.inf
    for kind, seconds, motion in events:
        if kind in ("image", "old"):
            age = 0.02 if kind == "image" else 0.6
            rig.image(motion, age)
            last_good = rig.steady if kind == "image" else last_good
        elif kind == "jump":
            rig.offset += 100 * seconds
        command = rig.tick(seconds, enable=kind != "release")
        assert -1e-9 <= command.motion.forward <= SETTINGS.max_speed + 1e-9
        assert abs(command.motion.turn) <= SETTINGS.max_turn + 1e-9
        if rig.steady - last_good >= 0.5:
            assert command.motion.stands()
