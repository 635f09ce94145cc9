"""The order of frames, and which of them a robot would come to."""

from dataclasses import dataclass

from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StartTracking

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.settings import Settings
from siamdw_ros.recordings.pace import Arrival, Done, as_a_robot, in_stamp_order


def frame(stamp: int, arrived: float) -> Frame:
    message = Image()
    message.header.stamp = Time(sec=stamp)
    return Frame("camera", message, arrived)


def stamps(frames: list[Frame], held: int = 3) -> list[int]:
    return [one.stamp.sec for one in in_stamp_order(frames, held)]


def test_frames_come_in_the_order_of_their_stamps() -> None:
    assert stamps([frame(s, i) for i, s in enumerate([1, 3, 2, 4, 6, 5, 7])]) == [*range(1, 8)]


def test_frames_without_stamps_keep_their_order() -> None:
    frames = [frame(0, 1.0 + i) for i in range(6)]
    assert list(in_stamp_order(frames)) == frames


def test_bag_that_starts_over_stays_as_it_is() -> None:
    twice = [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]
    assert stamps([frame(s, i) for i, s in enumerate(twice)]) == twice


def test_each_frame_arrives_after_the_one_before() -> None:
    frames = [frame(2, 5.0), frame(1, 4.0), frame(3, 4.0), frame(4, 9.0)]
    arrived = [one.arrived for one in in_stamp_order(frames)]
    assert arrived == sorted(set(arrived))
    assert arrived[-1] == 9.0


@dataclass
class Tracker:
    """A tracker that takes a fixed time."""

    seconds: float
    dropped: int = 0

    def process(self, arrival: Arrival) -> FrameResult:
        return FrameResult(arrival.frame, (), self.seconds, Settings())

    def drop(self) -> None:
        self.dropped += 1

    def run(self, times: list[float], start: int | None = None) -> list[Done]:
        request = [StartTracking.Request()]
        arrivals = [
            Arrival(i, frame(i, time), request if i == start else ())
            for i, time in enumerate(times)
        ]
        return list(as_a_robot(arrivals, self.process, self.drop))


def test_fast_tracker_comes_to_all_frames() -> None:
    tracker = Tracker(0.5)
    done = tracker.run([10.0, 11.0, 12.0])
    assert [one.published for one in done] == [10.5, 11.5, 12.5]
    assert tracker.dropped == 0


def test_slow_tracker_takes_the_newest_frame_when_it_is_done() -> None:
    tracker = Tracker(2.5)
    done = tracker.run([10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    # Done with 0 at 12.5: takes 2, which waits since 12. Done at 15.0: takes 5, which just came
    # or 4, which waits; 4 waits when the tracker becomes free, so it is taken first.
    assert [one.index for one in done] == [0, 2, 4, 5]
    assert [one.published for one in done] == [12.5, 15.0, 17.5, 20.0]
    assert tracker.dropped == 2


def test_frame_that_a_target_starts_on_is_never_dropped() -> None:
    tracker = Tracker(10.0)
    done = tracker.run([10.0, 11.0, 12.0, 13.0], start=1)
    assert 1 in [one.index for one in done]
