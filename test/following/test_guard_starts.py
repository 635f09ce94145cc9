"""The guard moves the robot only while the pilot permits it: deadman, start, stop, preview."""

from dataclasses import replace

import pytest
from guard_rig import FAST, SETTINGS, Rig


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
