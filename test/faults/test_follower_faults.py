"""Whatever fails around the follower, its commands are zero within half a second."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from field import Field, node_process
from rig import Trials
from standing import FOLLOWER, LIMIT, Fault, measure

from siamdw_ros.siamdw.presence import State

pytestmark = pytest.mark.ros


def jump(seconds: float) -> Callable[[Field], None]:
    """Stamp all images so much later."""
    return lambda field: setattr(field, "stamp_offset", seconds)


FAULTS = (
    Fault("camera stalls", lambda field: field.silent.add("camera"), "s old"),
    Fault("tracker silent", lambda field: field.silent.add("tracker"), "s old"),
    Fault("`~/enable` silent", lambda field: field.silent.add("enable"), "~/enable"),
    Fault("odometry silent", lambda field: field.silent.add("odom"), "no odometry"),
    Fault("image stamps jump back an hour", jump(-3600.0), "s old"),
    Fault("image stamps jump ahead an hour", jump(3600.0), "in the future"),
    Fault(
        "one result repeated under new stamps",
        lambda field: setattr(field, "frozen", field.world.observe()),
        "repeats one result",
    ),
    Fault("target lost", lambda field: setattr(field.world, "state", State.LOST), "lost", True),
    Fault(
        "depth without a valid pixel", lambda field: setattr(field, "depth", "nan"), "distance",
        True,
    ),
    Fault("laser scanner silent", lambda field: setattr(field, "scan", None), "silent", True),
)  # fmt: skip


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Both nodes, and the world that both receive."""
    log = tmp_path_factory.mktemp("following") / "nodes.log"
    with (
        node_process("follower", log, camera_z=0.6, obstacle_source="scan"),
        node_process("target_pose", log, use_depth=True, fixed_frame="''"),
        contextlib.closing(Field()) as field,
    ):
        field.wait(lambda: field.state.name and field.poses, "both nodes")
        yield field
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "_"))
def test_after_a_fault_the_robot_stands_within_half_a_second(
    field: Field, trials: Trials, fault: Fault
) -> None:
    times = []
    for trial in trials(f"{FOLLOWER}{fault.name}"):
        field.drive()
        times.append(measure(field, trial, fault))
    assert max(times) <= LIMIT, times
