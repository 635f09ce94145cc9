"""The last stage: old, forbidden or repeated means zero, whatever is planned."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.following.camera import Camera, Mount
from siamdw_ros.following.control import Motion
from siamdw_ros.following.guard import Command, Guard, Now
from siamdw_ros.following.obstacles import (
    clearance,
    points_from_depth,
    points_from_scan,
    speed_for,
)
from siamdw_ros.following.pilot import Observation, Plan
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.presence import State

FAST = Motion(forward=0.5, turn=0.5)
TICK = 1 / 30
SETTINGS = FollowSettings(use_odometry=False, stale_from=0.2, stale_at=0.5)


class Rig:
    """A guard, its clocks, and a camera at 30 Hz."""

    def __init__(self, settings: FollowSettings = SETTINGS) -> None:
        self.guard = Guard(settings, started=True)
        self.steady = 50.0
        self.offset = 1e6  # of the ROS clock
        self.count = 0

    @property
    def now(self) -> Now:
        return Now(self.steady + self.offset, self.steady)

    def image(self, motion: Motion = FAST, age: float = 0.05, **changes) -> None:
        self.count += 1
        stamp = self.now.ros - age
        box = (100.0 + 0.1 * self.count, 100.0, 50.0, 100.0)
        seen = Observation(stamp, age, State.TRACKED, box, 0.9)
        plan = Plan(stamp, motion, "driving", bearing=0.0, distance=3.0)
        self.guard.accept(replace(plan, **changes), seen, self.now)

    def tick(self, seconds: float = TICK, *, enable: bool = True) -> Command:
        self.steady += seconds
        if enable:
            self.guard.enable(True, self.now)
        return self.guard.command(self.now)

    def drive(self, seconds: float = 2.0) -> Command:
        for _ in range(round(seconds / TICK)):
            self.image()
            command = self.tick()
        return command


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


@pytest.mark.parametrize("release", ["silence", "false"])
def test_a_released_deadman_stops_the_robot_in_time(release: str) -> None:
    rig = Rig()
    rig.drive()
    if release == "false":
        rig.guard.enable(False, rig.now)
    begin = rig.steady
    while not rig.tick(enable=False).motion.stands():
        rig.image()
    assert rig.steady - begin < 0.5
    assert "~/enable" in rig.tick(enable=False).reasons[0]


def test_without_a_deadman_no_message_is_needed() -> None:
    rig = Rig(replace(SETTINGS, deadman=False))
    for _ in range(60):
        rig.image()
        command = rig.tick(enable=False)
    assert command.motion == FAST


@pytest.mark.parametrize("change", [{"started": False}, {"preview": True}])
def test_a_follower_that_is_not_started_or_previews_stands(change) -> None:
    rig = Rig()
    rig.drive()
    for name, value in change.items():
        setattr(rig.guard, name, value)
    for _ in range(6):
        rig.image()
        command = rig.tick()
    assert command.motion.stands()
    assert command.reasons


def test_a_start_waits_for_a_plan_made_after_it() -> None:
    """The last plan was made before the pilot started over, for another target or gap."""
    rig = Rig()
    rig.drive()
    rig.guard.stop()
    rig.image()
    assert rig.guard.start(rig.now) == []
    assert rig.tick(0.1).motion.forward < 0.5
    command = rig.tick(0.1)
    assert command.motion.stands()
    assert command.reasons == ("no status from the tracker has arrived yet",)
    rig.image()
    assert rig.tick().motion.forward > 0


def test_a_start_returns_why_the_robot_does_not_drive_yet() -> None:
    rig = Rig(replace(SETTINGS, use_odometry=True))
    rig.image(reason="the tracker has no target")
    assert [reason.partition(":")[0] for reason in rig.guard.start(rig.now)] == [
        "not enabled",
        "no odometry on odom",
    ]
    rig = Rig(replace(SETTINGS, deadman=False))
    rig.image(reason="the tracker has no target")
    assert rig.guard.start(rig.now) == ["the tracker has no target"]


def test_a_start_between_two_commands_leaves_the_next_one_as_it_is() -> None:
    rigs = Rig(), Rig()
    for rig in rigs:
        rig.drive(0.1)
    rigs[1].steady += 0.01
    rigs[1].guard.start(rigs[1].now)
    rigs[1].steady -= 0.01
    for rig in rigs:
        rig.image()
    first, second = (rig.tick().motion for rig in rigs)
    assert 0 < first.forward < FAST.forward
    assert first == second


def test_a_stopped_follower_stands() -> None:
    rig = Rig()
    rig.drive()
    rig.guard.stop()
    assert rig.tick(0.1).motion.forward < 0.5
    assert rig.tick(0.1).motion.stands()


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


# Obstacles


def scan(distance: float, bearing: float = 0.0) -> np.ndarray:
    angles = np.linspace(-math.pi, math.pi, 721)
    ranges = np.full(721, 9.0)
    ranges[np.abs(angles - bearing) < 0.1] = distance
    return points_from_scan(ranges, -math.pi, angles[1] - angles[0], (0.1, 8.0))


def test_the_corridor_ahead_counts_and_nothing_beside_it() -> None:
    assert clearance(scan(1.0), 0.2) == pytest.approx(0.8, abs=0.02)
    assert clearance(scan(1.0, math.pi / 2), 0.2) == math.inf
    assert clearance(scan(1.0, math.pi - 0.1), 0.2) == math.inf


def test_the_target_itself_is_no_obstacle() -> None:
    assert clearance(scan(2.0), 0.2, (0.0, 2.1), 0.3) == math.inf
    assert clearance(scan(1.0), 0.2, (0.0, 2.1), 0.3) == pytest.approx(0.8, abs=0.02)


def test_readings_outside_the_sensors_limits_are_no_points() -> None:
    ranges = np.array([np.inf, np.nan, 0.0, 0.05, 9.0, 2.0])
    assert len(points_from_scan(ranges, 0.0, 0.1, (0.1, 8.0))) == 1


@given(st.floats(0, 20), st.floats(0, 2), st.floats(0.1, 3))
def test_the_allowed_speed_leaves_room_to_stop(free, margin, deceleration) -> None:
    speed = speed_for(free, margin, deceleration)
    assert speed >= 0
    stopping = 0.25 * speed + speed * speed / (2 * deceleration)
    assert stopping <= max(free - margin, 0) + 1e-6


def test_depth_pixels_of_the_ground_and_overhead_are_no_obstacle() -> None:
    camera = Camera.from_field_of_view(160, 120, 1.2)
    mount = Mount(z=0.5)
    pixels = np.full((120, 160), np.nan, np.float32)
    pixels[60:70, 70:90] = 2.0
    points = points_from_depth(pixels, camera, mount, height=1.0)
    assert points[:, 0] == pytest.approx(2.0)
    rows = np.arange(61, 120) + 0.5
    pixels[61:] = (0.5 * camera.focal[1] / (rows - 60))[:, None]  # the ground
    pixels[60:70, 70:90] = np.nan
    assert len(points_from_depth(pixels, camera, mount, height=1.0)) == 0


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
