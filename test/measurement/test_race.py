"""Trackers take turns on the same frames; what cannot run is left out with the reason."""

import numpy as np
import pytest

from siamdw_ros.measurement import race as race_module
from siamdw_ros.measurement.plan import Video
from siamdw_ros.measurement.race import TURN, WARM_UP, Contender, race
from siamdw_ros.siamdw import State, TrackResult

IMAGE = np.zeros((8, 8, 3), np.uint8)
BOX = (0.0, 0.0, 4.0, 4.0)


class Clock:
    """Stands in for the module `time`: its time passes only where a tracker takes some."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(race_module, "time", made)
    return made


class Still:
    """Says the box that it was given, moved, after a while; writes down when it was asked."""

    def __init__(self, log, name, seconds=0.0, moved=0.0, clock=None):
        self.log, self.name, self.seconds, self.moved = log, name, seconds, moved
        self.clock = clock or Clock()

    def init(self, image, box):
        self.box = box

    def track(self, image):
        self.log.append(self.name)
        self.clock.now += self.seconds
        x, y, w, h = self.box
        return TrackResult((x + self.moved, y, w, h), 1.0, State.TRACKED)


@pytest.fixture
def video():
    count = 4 * TURN + 1
    return Video("still", [IMAGE] * count, [BOX] * count)


def test_every_tracker_gets_every_frame_and_they_take_turns(video):
    log = []
    contenders = [Contender(name, lambda name=name: Still(log, name)) for name in "ab"]
    outcome = race(contenders, [video, video], "test")
    assert all(len(lane.boxes) == len(lane.seconds) == 8 * TURN for lane in outcome.lanes)
    raced = log[2 * WARM_UP :][: 4 * TURN]
    assert raced == ["a"] * TURN + ["b"] * TURN + ["b"] * TURN + ["a"] * TURN


def test_table_has_speed_and_overlap_beside_the_reference(video, clock):
    contenders = [
        Contender("slow", lambda: Still([], "slow", seconds=2e-3, clock=clock)),
        Contender("fast", lambda: Still([], "fast", seconds=5e-4, moved=2.0, clock=clock)),
        Contender("random", lambda: Still([], "random", seconds=1e-4, clock=clock), judged=False),
    ]
    slow, fast, random = race(contenders, [video], "test").table("t", "T", "slow").rows
    assert slow["times as fast as slow"] == 1.0
    assert fast["times as fast as slow"] == pytest.approx(4.0)
    assert fast["mean IoU"] == pytest.approx(1 / 3)
    assert fast["mean distance px to slow"] == 2.0
    assert random["mean IoU"] is None


def test_a_tracker_that_cannot_be_built_is_skipped_with_its_reason(video):
    def refuse():
        raise ValueError("no files")

    outcome = race([Contender("a", lambda: Still([], "a")), Contender("b", refuse)], [video], "t")
    assert [lane.contender.name for lane in outcome.lanes] == ["a"]
    assert outcome.table("t", "T", "a").skipped == ["b: no files"]
