"""The node's section for real, at a small scale; and the arithmetic of latencies."""

from pathlib import Path

import pytest

from siamdw_ros.measurement.node_latency import boxes_for, node_parameters
from siamdw_ros.measurement.node_run import Run, Scenario, tracker
from siamdw_ros.measurement.plan import Plan
from siamdw_ros.measurement.updates import resized
from siamdw_ros.measurement.usage import Usage

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
USAGE = Usage(dict.fromkeys(("executor", "receiver", "dds", "inference"), 0.0), 0, 1, 1)


def test_waiting_for_the_inference_before_is_counted_apart():
    """Stamps every 30 ms, inference 50 ms, 2 ms of the node's own: the second image waits."""
    run = Run(
        sent=2,
        received=2,
        processed=2,
        stamps=[0.0, 0.030],
        latency=[0.052, 0.074],
        inference=[0.050, 0.050],
        before=USAGE,
        after=USAGE,
    )
    assert run.overhead == pytest.approx([0.002, 0.024])
    assert run.waited == pytest.approx([0.0, 0.022])
    assert run.own == pytest.approx([0.002, 0.002])


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return Plan(clips=[CLIP], work=tmp_path_factory.mktemp("latency"), devices=("cpu",))


@pytest.fixture(scope="module")
def under_test(plan, ros_domain):
    """A node for all scenarios, unconfigured."""
    parameters = node_parameters(plan, "siamfc_res22", compressed=False)
    parameters |= {"threads": 1, "backend": "torch", "autostart": False}
    with tracker(plan.work, parameters) as under_test:
        yield under_test


@pytest.mark.ros
@pytest.mark.parametrize("compressed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_video_is_played_to_the_node_and_every_frame_accounted_for(compressed, plan, under_test):
    scenario = Scenario((320, 240), 10.0, 2, 1.0, compressed)
    video = plan.video(CLIP, 1)
    image, box = resized(video.images[0], video.boxes[0], scenario.size)
    wanted = node_parameters(plan, "siamfc_res22", compressed)
    under_test.robot.bring_to("unconfigured")
    (result,) = under_test.robot.set_parameters({"image_transport": wanted["image_transport"]})
    assert result.successful
    under_test.robot.bring_to("active")
    played = under_test.play(CLIP, boxes_for(box, scenario, image), scenario)
    assert played.sent == 10
    assert 0 < played.processed <= played.received <= played.sent
    assert len(played.latency) == len(played.inference) == len(played.stamps)
    assert all(
        0 < inferred < late
        for inferred, late in zip(played.inference, played.latency, strict=True)
    )
    assert played.after.seconds["executor"] > 0.1  # the imports alone take longer
    assert played.thread_seconds("inference") > 0
    assert played.after.rss > 50e6
