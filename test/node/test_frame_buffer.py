"""The frame buffer: newest frames, history, service calls."""

import threading

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StopTracking

from siamdw_ros.node.frame_buffer import Frame, FrameBuffer, History
from siamdw_ros.node.services import PendingCall


def frame(
    stamp: int, camera: str = "front", size: int = 100, arrived: float | None = None
) -> Frame:
    message = Image(data=bytes(size))
    message.header.stamp = Time(sec=stamp)
    return Frame(camera, message, float(stamp) if arrived is None else arrived)


def stamps(history: History) -> list[int]:
    return [held.stamp.sec for held in history.frames]


def call() -> PendingCall:
    return PendingCall(StopTracking.Request(), lambda _: None, deadline=0.0)


def test_a_newer_frame_replaces_the_waiting_one_of_its_camera() -> None:
    buffer = FrameBuffer({"front": "/front", "rear": "/rear"}, 10, 1e6)
    assert not buffer.put_frame(frame(1))
    assert not buffer.put_frame(frame(1, "rear"))
    newest = frame(2)
    assert buffer.put_frame(newest)
    batch = buffer.take()
    assert batch is not None
    assert [(f.camera, f.stamp.sec) for f in batch.frames] == [("front", 2), ("rear", 1)]
    assert batch.frames[0] is newest


def test_calls_are_taken_in_their_order() -> None:
    buffer, calls = FrameBuffer({"front": "/front"}, 10, 1e6), [call(), call()]
    for waiting in calls:
        buffer.put_call(waiting)
    batch = buffer.take()
    assert batch is not None
    assert batch.frames == []
    assert [buffer.next_call(), buffer.next_call(), buffer.next_call()] == [*calls, None]


def test_closing_ends_the_wait() -> None:
    buffer, taken = FrameBuffer({"front": "/front"}, 10, 1e6), []
    thread = threading.Thread(target=lambda: taken.append(buffer.take()))
    thread.start()
    buffer.close()
    thread.join(10)
    assert taken == [None]


def test_history_is_bounded_in_seconds() -> None:
    history = History()
    for second in range(10):
        history.add(frame(second), seconds=3, max_bytes=1e6)
    assert stamps(history) == [6, 7, 8, 9]


def test_history_is_bounded_in_bytes() -> None:
    history = History()
    for second in range(10):
        history.add(frame(second, size=100), seconds=100, max_bytes=350)
    assert stamps(history) == [7, 8, 9]


@pytest.mark.parametrize(("seconds", "size"), [(0, 1e6), (100, 0)])
def test_without_a_history_the_newest_frame_is_held(seconds: float, size: float) -> None:
    history = History()
    for second in range(3):
        history.add(frame(second, arrived=1.0), seconds, size)
    assert stamps(history) == [2]


def test_when_time_jumps_back_the_frames_from_before_are_released() -> None:
    history = History()
    for arrived, stamp in enumerate([7, 8, 9, 1, 2]):
        history.add(frame(stamp, arrived=arrived), seconds=100, max_bytes=350)
    assert stamps(history) == [1, 2]
    history.add(frame(3, arrived=6), seconds=100, max_bytes=350)  # the sizes were released as well
    assert stamps(history) == [1, 2, 3]


def test_a_repeated_stamp_replaces_the_frame_that_had_it() -> None:
    history = History()
    history.add(frame(0), 100, 1e6)
    repeated = frame(0)
    history.add(repeated, 100, 1e6)
    assert list(history.frames) == [repeated]
    assert history.frames[0] is repeated


def test_no_pixel_is_copied() -> None:
    held = frame(1)
    buffer = FrameBuffer({"front": "/front"}, 10, 1e6)
    buffer.put_frame(held)
    ours = np.frombuffer(buffer.held()["front"].frames[0].message.data, np.uint8)
    assert np.shares_memory(ours, np.frombuffer(held.message.data, np.uint8))
