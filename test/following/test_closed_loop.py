"""Pilot, guard and a kinematic robot together: convergence, loss, search, re-acquisition."""

import math
from dataclasses import replace

import numpy as np
import pytest
from kinematics import CAMERA, PERIOD, World

from siamdw_ros.following.guard import Now
from siamdw_ros.following.pilot import Observation
from siamdw_ros.following.search import Search
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.presence import State

SETTINGS = FollowSettings(camera_z=0.6, max_speed=1.0)


@pytest.mark.parametrize("vehicle", ["differential", "omni", "ackermann", "drone"])
@pytest.mark.parametrize(("bearing", "distance"), [(0.5, 3.0), (-0.4, 6.0)])
def test_every_vehicle_converges_to_the_target(bearing, distance, vehicle) -> None:
    chosen = replace(SETTINGS, vehicle=vehicle, min_altitude=-10.0)
    where = distance * np.array([math.cos(bearing), math.sin(bearing), 0.0]) + [0, 0, 0.6]
    world = World(chosen, target=where)
    world.run(0.6)
    assert world.bearing() * bearing >= 0, "it went past the target"
    world.run(10.0)
    # A car that stands at the right distance cannot turn on the spot.
    assert abs(world.bearing()) < (0.3 if vehicle == "ackermann" else 0.08)
    assert world.gap() == pytest.approx(1.0, abs=0.2)
    assert all(motion.stands() for motion in world.run(0.5)), "it jitters at the goal"


def test_a_walking_target_is_followed_at_its_distance() -> None:
    world = World(SETTINGS, velocity=np.array([0.6, 0.2, 0.0]))
    world.run(8.0)
    errors = []
    for _ in range(300):
        world.step()
        errors.append((world.bearing(), world.gap() - 1.0))
    bearing, gap = np.sqrt(np.mean(np.square(errors), axis=0))
    assert bearing < 0.08
    assert gap < 0.25


def test_the_robot_stops_with_its_target_at_nearly_its_distance() -> None:
    world = World(SETTINGS, velocity=np.array([0.6, 0.0, 0.0]))
    world.run(6.0)
    world.velocity = np.zeros(3)
    world.run(4.0)
    assert world.motion.stands()
    assert world.gap() > 0.85


def test_a_turning_robot_finds_a_standing_target_at_rest() -> None:
    world = World(replace(SETTINGS, gap=2.0), target=np.array([3.0, 1.2, 0.9]))
    world.run(0.5)
    sight = world.pilot._filter.at(world.time)
    assert abs(world.motion.turn) > 0.3
    assert sight is not None
    assert abs(sight.azimuth_rate) < 0.15
    assert sight.azimuth == pytest.approx(math.atan2(1.2, 3.0), abs=0.03)


def test_without_odometry_the_commands_give_the_own_motion() -> None:
    world = World(replace(SETTINGS, use_odometry=False), target=np.array([4.0, 1.5, 0.9]))
    world.pilot.own.add = lambda pose: None  # type: ignore[method-assign]
    world.run(10.0)
    assert abs(world.bearing()) < 0.1
    assert world.gap() == pytest.approx(1.0, abs=0.3)


def test_without_a_distance_the_robot_only_turns() -> None:
    world = World(SETTINGS, target=np.array([4.0, 1.5, 0.9]), with_distance=False)
    motions = world.run(4.0)
    assert not any(motion.forward for motion in motions)
    assert abs(world.bearing()) < 0.06
    assert any("distance" in reason for reason in world.reasons)


def test_an_uncertain_target_is_only_turned_to() -> None:
    world = World(SETTINGS, velocity=np.array([0.5, 0.3, 0.0]))
    world.run(4.0)
    assert world.motion.forward > 0.2
    world.state = State.UNCERTAIN
    motions = world.run(2.0)
    assert not any(motion.forward for motion in motions[10:])
    assert abs(world.bearing()) < 0.2
    assert any("uncertain" in reason for reason in world.reasons)


def test_a_gap_of_zero_keeps_the_distance_of_the_start() -> None:
    world = World(replace(SETTINGS, gap=0.0), velocity=np.array([0.4, 0.0, 0.0]))
    begin = world.gap()
    world.run(10.0)
    assert world.gap() == pytest.approx(begin, abs=0.3)


def test_a_gap_that_is_changed_counts_at_once() -> None:
    world = World(SETTINGS)
    world.run(8.0)
    world.pilot.settings = replace(SETTINGS, gap=2.0, max_reverse=0.5)
    world.guard.configure(world.pilot.settings)
    world.run(8.0)
    assert world.gap() == pytest.approx(2.0, abs=0.2)


def test_a_gap_of_zero_stays_that_of_the_start_when_it_was_another_one_in_between() -> None:
    world = World(replace(SETTINGS, gap=0.0), velocity=np.array([0.4, 0.0, 0.0]))
    begin = world.gap()
    for gap in (1.0, 0.0):
        world.run(6.0)
        world.pilot.settings = replace(SETTINGS, gap=gap, max_reverse=0.5)
        world.guard.configure(world.pilot.settings)
    world.run(10.0)
    assert world.gap() == pytest.approx(begin, abs=0.3)


def seen_at(stamp: float, column: float, target: str) -> Observation:
    """An observation of a target whose box has its centre in a column of the image."""
    return Observation(stamp, 0.0, State.TRACKED, (column - 50, 140.0, 100.0, 200.0), 0.9, target)


def ahead(column: float, depth: float) -> np.ndarray:
    """The position in the optical frame of what is in a column of the image."""
    ray = CAMERA.rays(np.array([[column, 240.0]]))[0]
    return ray * depth / ray[2]


def test_the_position_of_another_target_is_no_distance_of_this_one() -> None:
    world = World(SETTINGS)
    for index in range(5):
        world.pilot.plan(seen_at(index / 10, 320.0, "1"), index / 10)
        world.pilot.measure(index / 10, ahead(600.0, 5.0), 0.1)
    plan = world.pilot.plan(seen_at(0.5, 320.0, "1"), 0.5)
    assert plan.distance is None
    assert "same target_id" in plan.reason
    world.pilot.measure(0.5, ahead(320.0, 2.0), 0.1)
    plan = world.pilot.plan(seen_at(0.6, 320.0, "1"), 0.6)
    assert plan.distance == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("first", ["position", "observation"])
def test_a_position_counts_whether_it_or_its_images_result_arrives_first(first: str) -> None:
    world = World(SETTINGS)
    seen = seen_at(1.0, 200.0, "1")
    if first == "position":
        world.pilot.measure(1.0, ahead(200.0, 3.0), 0.1)
        world.pilot.plan(seen, 1.0)
    else:
        world.pilot.plan(seen, 1.0)
        world.pilot.measure(1.0, ahead(200.0, 3.0), 0.1)
    plan = world.pilot.plan(seen_at(1.1, 200.0, "1"), 1.1)
    assert plan.distance is not None


def test_nothing_of_the_last_target_is_left_for_the_next_one() -> None:
    world = World(SETTINGS)
    for index in range(10):
        stamp = index / 10
        world.pilot.measure(stamp, ahead(320.0, 6.0), 0.1)
        world.pilot.plan(seen_at(stamp, 320.0, "1"), stamp)
    world.pilot.plan(seen_at(1.0, 400.0, "2"), 1.0)
    world.pilot.accept_other()
    plan = world.pilot.plan(seen_at(1.0, 400.0, "2"), 1.0)
    assert plan.distance is None
    assert plan.bearing == pytest.approx(CAMERA.angles((400.0, 240.0))[0], abs=1e-3)
    world.pilot.measure(0.9, ahead(400.0, 6.0), 0.1)  # of an image before it was the target
    assert world.pilot.plan(seen_at(1.1, 400.0, "2"), 1.1).distance is None
    world.pilot.measure(1.1, ahead(400.0, 2.0), 0.1)
    plan = world.pilot.plan(seen_at(1.2, 400.0, "2"), 1.2)
    assert plan.distance == pytest.approx(2.0, abs=0.1)
    plan = world.pilot.plan(None, 1.3)  # stopped, and started again with the same id
    plan = world.pilot.plan(seen_at(1.4, 320.0, "2"), 1.4)
    assert plan.distance is None


@pytest.mark.parametrize("between", ["seen", "lost", "stopped"])
def test_the_robot_does_not_drive_to_another_target_of_its_own_accord(between: str) -> None:
    world = World(SETTINGS)
    for index in range(10):
        stamp = index / 10
        world.pilot.measure(stamp, ahead(320.0, 3.0), 0.1)
        plan = world.pilot.plan(seen_at(stamp, 320.0, "1"), stamp)
    assert plan.motion.forward > 0
    if between == "lost":
        assert world.pilot.plan(replace(seen_at(1.0, 320.0, "1"), state=State.LOST), 1.0).reason
    elif between == "stopped":
        assert world.pilot.plan(None, 1.0).reason
    for index in range(11, 30):
        stamp = index / 10
        world.pilot.measure(stamp, ahead(500.0, 3.0), 0.1)
        plan = world.pilot.plan(seen_at(stamp, 500.0, "2"), stamp)
        assert (plan.mode, plan.motion.stands()) == ("waiting", True)
        assert "the target is '2' now, not '1'" in plan.reason
    world.pilot.accept_other()
    for index in range(31, 40):
        world.pilot.measure(index / 10, ahead(330.0, 3.0), 0.1)
        plan = world.pilot.plan(seen_at(index / 10, 330.0, "2"), index / 10)
    assert plan.motion.forward > 0


def lose(world: World, seconds: float) -> list:
    world.state = State.LOST
    return world.run(seconds)


def test_a_lost_target_stops_the_robot_at_once_then_it_searches_where_it_left() -> None:
    world = World(SETTINGS, velocity=np.array([0.3, 0.5, 0.0]))
    world.run(5.0)
    stopped = lose(world, 0.5)
    assert stopped[-1].stands()
    world.run(1.0)
    begin = world.yaw
    world.run(3.0)
    assert world.plan is not None
    assert world.plan.mode == "searching"
    assert world.yaw > begin + 0.5, "it left to the left"


def test_the_search_sweeps_both_sides_and_ends() -> None:
    world = World(replace(SETTINGS, search_turn=1.0, search_seconds=12.0))
    world.run(2.0)
    begin = world.yaw
    yaws = []
    world.state = State.LOST
    for _ in range(round(16 / PERIOD)):
        world.step()
        yaws.append(world.yaw - begin)
    assert max(yaws) > 1.3
    assert min(yaws) < -1.3
    assert world.plan is not None
    assert world.plan.mode == "given up"
    assert world.motion.stands()


@pytest.mark.parametrize("images_per_second", [1, 2, 4, 10])
def test_the_search_sweeps_both_sides_at_any_rate_of_images(images_per_second: int) -> None:
    seconds = 1 / images_per_second
    settings = replace(SETTINGS, search_seconds=25.0)
    search = Search(0.0, middle=0.0, side=1.0)
    yaw, yaws = 0.07, []
    for image in range(25 * images_per_second):
        turn = search.turn(image * seconds, yaw, settings, math.radians(70), seconds)
        if turn is None:
            break
        yaw += turn * seconds
        yaws.append(yaw)
    overshoot = SETTINGS.search_turn * seconds
    assert SETTINGS.search_sweep - 0.1 < max(yaws) < SETTINGS.search_sweep + overshoot
    assert SETTINGS.search_sweep - 0.1 < -min(yaws) < SETTINGS.search_sweep + overshoot


def test_a_target_that_was_never_seen_is_not_searched() -> None:
    world = World(SETTINGS)
    motions = lose(world, 5.0)
    assert all(motion.stands() for motion in motions)


def test_each_search_has_its_own_start_time() -> None:
    world = World(replace(SETTINGS, search_seconds=3.0, search_turn=0.1))
    world.run(2.0)
    for _ in range(2):
        lose(world, 3.0)
        assert world.plan is not None
        assert world.plan.mode == "searching"
        world.state = State.TRACKED
        world.run(4.0)
        assert world.plan.mode == "driving"


def test_a_target_seen_again_is_confirmed_before_the_robot_drives() -> None:
    world = World(replace(SETTINGS, confirmations=10), velocity=np.array([0.3, 0.0, 0.0]))
    world.run(3.0)
    lose(world, 0.5)
    world.state = State.TRACKED
    motions = world.run(0.3)
    assert world.plan is not None
    assert world.plan.mode == "confirming"
    assert not any(motion.forward for motion in motions)
    world.run(0.5)
    assert world.plan.mode == "driving"


def test_a_thing_of_another_size_is_not_followed() -> None:
    world = World(SETTINGS, velocity=np.array([0.3, 0.0, 0.0]))
    world.run(3.0)
    lose(world, 0.5)
    world.state = State.TRACKED
    real = world.observe

    def larger():
        seen = real()
        x, y, width, height = seen.box
        return replace(seen, box=(x - width, y - height, 3 * width, 3 * height))

    world.observe = larger  # type: ignore[method-assign]
    motions = world.run(3.0)
    assert not any(motion.forward for motion in motions[5:])
    assert any("size" in reason for reason in world.reasons)


def test_a_camera_that_stalls_stops_the_robot_in_half_a_second() -> None:
    world = World(SETTINGS, velocity=np.array([0.5, 0.0, 0.0]))
    world.run(4.0)
    last = world.time
    while not (command := world.guard.command(Now(last, last))).motion.stands():
        last += 0.01
        world.guard.enable(True, Now(last, last))
        world.guard.odometry(0.0, Now(last, last))
    stamp = world.plan.stamp if world.plan else 0.0
    assert last - stamp <= 0.5 + 0.011
    assert command.reasons


def test_the_same_messages_give_the_same_commands() -> None:
    plans = []
    for _ in range(2):
        world = World(SETTINGS, velocity=np.array([0.3, 0.4, 0.0]), seed=7)
        made = []
        for tick in range(300):
            world.state = State.LOST if 120 < tick < 200 else State.TRACKED
            world.step()
            made.append(world.plan)
        plans.append(made)
    assert plans[0] == plans[1]


def test_a_box_that_sticks_to_what_covers_the_target_does_not_turn_the_search_around() -> None:
    world = World(replace(SETTINGS, search_wait=0.5), velocity=np.array([0.1, 0.6, 0.0]))
    world.run(3.0)
    world.velocity = np.array([0.0, -0.8, 0.0])  # the box slides back along the pillar's edge
    world.run(0.2)
    lose(world, 2.0)
    assert world.plan is not None
    assert world.plan.mode == "searching"
    assert world.plan.motion.turn > 0, "it left to the left"
