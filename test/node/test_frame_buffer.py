"""The inbox: newest frames, history, requests."""

import threading

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StopTracking

from siamdw_ros.node.frame_buffer import Frame, FrameBuffer, History
from siamdw_ros.node.services import Request


def frame(
    stamp: int, camera: str = "front", size: int = 100, arrived: float | None = None
) -> Frame:
    message = Image(data=bytes(size))
    message.header.stamp = Time(sec=stamp)
    return Frame(camera, message, float(stamp) if arrived is None else arrived)


def stamps(history: History) -> list[int]:
    return [held.stamp.sec for held in history.frames()]


def request() -> Request:
    return Request(StopTracking.Request(), lambda _: None, deadline=0.0)


def test_a_newer_frame_replaces_the_waiting_one_of_its_camera() -> None:
    inbox = FrameBuffer(["front", "rear"], 10, 1e6)
    assert not inbox.put_frame(frame(1))
    assert not inbox.put_frame(frame(1, "rear"))
    newest = frame(2)
    assert inbox.put_frame(newest)
    work = inbox.take()
    assert work is not None
    assert [(f.camera, f.stamp.sec) for f in work.frames] == [("front", 2), ("rear", 1)]
    assert work.frames[0] is newest


def test_requests_are_taken_in_their_order() -> None:
    inbox, requests = FrameBuffer(["front"], 10, 1e6), [request(), request()]
    for waiting in requests:
        inbox.put_request(waiting)
    work = inbox.take()
    assert work is not None
    assert work.frames == []
    assert [inbox.next_request(), inbox.next_request(), inbox.next_request()] == [*requests, None]


def test_closing_ends_the_wait() -> None:
    inbox, taken = FrameBuffer(["front"], 10, 1e6), []
    thread = threading.Thread(target=lambda: taken.append(inbox.take()))
    thread.start()
    inbox.close()
    thread.join(10)
    assert taken == [None]


def test_history_is_bounded_in_seconds() -> None:
    history = History()
    for second in range(10):
        history.add(frame(second), seconds=3, size=1e6)
    assert stamps(history) == [6, 7, 8, 9]


def test_history_is_bounded_in_bytes() -> None:
    history = History()
    for second in range(10):
        history.add(frame(second, size=100), seconds=100, size=350)
    assert stamps(history) == [7, 8, 9]


@pytest.mark.parametrize(("seconds", "size"), [(0, 1e6), (100, 0)])
def test_without_a_history_the_newest_frame_is_held(seconds: float, size: float) -> None:
    history = History()
    for second in range(3):
        history.add(frame(second, arrived=1.0), seconds, size)
    assert stamps(history) == [2]


def test_when_time_jumps_back_the_frames_from_before_are_let_go() -> None:
    history = History()
    for arrived, stamp in enumerate([7, 8, 9, 1, 2]):
        history.add(frame(stamp, arrived=arrived), seconds=100, size=350)
    assert stamps(history) == [1, 2]
    history.add(frame(3, arrived=6), seconds=100, size=350)  # the sizes were let go as well
    assert stamps(history) == [1, 2, 3]


def test_a_repeated_stamp_replaces_the_frame_that_had_it() -> None:
    history = History()
    history.add(frame(0), 100, 1e6)
    repeated = frame(0)
    history.add(repeated, 100, 1e6)
    assert history.frames() == [repeated]
    assert history.frames()[0] is repeated


def test_no_pixel_is_copied() -> None:
    held = frame(1)
    inbox = FrameBuffer(["front"], 10, 1e6)
    inbox.put_frame(held)
    ours = np.frombuffer(inbox.histories()["front"][0].message.data, np.uint8)
    assert np.shares_memory(ours, np.frombuffer(held.message.data, np.uint8))
