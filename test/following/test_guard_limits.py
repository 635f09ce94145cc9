"""The guard before obstacles, and between the floor and the ceiling of a drone."""

from dataclasses import replace

import pytest
from guard_rig import SETTINGS, Rig, scan

from siamdw_ros.following.control import Motion


def test_the_guard_stops_before_an_obstacle_but_turns_on() -> None:
    rig = Rig(replace(SETTINGS, obstacle_source="scan"))
    command = rig.drive()
    assert (command.motion.forward, command.motion.turn) == (0, 0.5)
    assert "silent" in command.reasons[0]
    for distance, moves in ((5.0, True), (0.44, False)):
        for _ in range(60):
            rig.guard.obstacles(scan(distance), rig.now)
            rig.image()
            command = rig.tick()
        assert (command.motion.forward > 0) == moves
    assert "obstacle" in command.reasons[0]


@pytest.mark.parametrize("limits", [(0.8, 0.3), (0.3, 0.8)])
def test_before_an_obstacle_it_is_slow_enough_for_its_brakes(limits: tuple[float, float]) -> None:
    acceleration, deceleration = limits
    settings = replace(
        SETTINGS,
        obstacle_source="scan",
        max_acceleration=acceleration,
        max_deceleration=deceleration,
    )
    rig = Rig(settings)
    for _ in range(90):
        rig.guard.obstacles(scan(0.7), rig.now)
        rig.image()
        command = rig.tick()
    room = 0.7 - settings.robot_radius - settings.obstacle_margin
    speed = command.motion.forward
    assert 0 < speed * speed / (2 * min(limits)) <= room


@pytest.mark.parametrize(("height", "up", "moves"), [(1.0, -1, 0), (5, -1, 1), (10.0, 1, 0)])
def test_a_drone_keeps_between_floor_and_ceiling(height, up, moves) -> None:
    rig = Rig(replace(SETTINGS, vehicle="drone", use_odometry=True))
    for _ in range(60):
        rig.guard.odometry(height, rig.now)
        rig.image(Motion(up=0.4 * up))
        command = rig.tick()
    assert command.motion.up == pytest.approx(0.4 * up * moves)


def test_a_drone_of_unknown_height_does_not_descend() -> None:
    rig = Rig(replace(SETTINGS, vehicle="drone"))
    for _ in range(60):
        rig.image(Motion(up=-0.4))
        command = rig.tick()
    assert command.motion.stands()
    assert "descend" in command.reasons[0]


def test_the_command_of_an_ackermann_base_is_never_tighter_than_its_steering() -> None:
    """Neither while it speeds up nor before an obstacle nor while it brakes."""
    settings = replace(SETTINGS, vehicle="ackermann", obstacle_source="scan")
    rig = Rig(settings)
    speeds = []
    for step in range(150):
        rig.guard.obstacles(scan(5.0 if step < 60 else 0.5), rig.now)
        if step < 120:
            rig.image(Motion(forward=0.5, turn=0.8))
        motion = rig.tick().motion
        assert abs(motion.turn) <= abs(motion.forward) / settings.min_turning_radius + 1e-9
        speeds.append(motion.forward)
    assert max(speeds) > 0.45
    assert 0 < speeds[110] < 0.3
    assert speeds[-1] == 0
