"""The inference thread, where a process cannot be brought to fail."""

import dataclasses
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from rclpy.logging import get_logger
from rclpy.task import Future
from siamdw_msgs.srv import StartTracking, StopTracking
from tracker_process import START

from siamdw_ros.node.frames import MAX_REQUESTS, Frame, Inbox, Request
from siamdw_ros.node.inference import InferenceThread, Processed
from siamdw_ros.node.messages import box_to_message
from siamdw_ros.node.parameters import PARAMETERS, Settings
from siamdw_ros.siamdw.siamfc import SiamFC
from siamdw_ros.tools.play_clip import image_message

SETTINGS = dataclasses.replace(Settings(**{p.name: p.default for p in PARAMETERS}), device="cpu")


class Harness:
    """A running thread, and what it has told."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.told: list[Processed] = []
        self.thread = InferenceThread(SETTINGS, self.inbox, self.told.append, get_logger("test"))
        self.thread.start()

    def ask(self, asked: StartTracking.Request | StopTracking.Request) -> object:
        """Put a request and wait for its answer."""
        answer, answered = Future(), threading.Event()
        answer.add_done_callback(lambda _: answered.set())
        assert self.inbox.put_request(Request(asked, answer, deadline=float("inf")))
        assert answered.wait(60)
        return answer.result()

    def show(self, picture: np.ndarray) -> None:
        """Put a frame and wait until the thread is done with it: requests come after it."""
        self.inbox.put_frame(Frame(image_message(picture)))
        assert not self.ask(StopTracking.Request(target_id="nobody")).success


@pytest.fixture
def harness() -> Iterator[Harness]:
    """Start a thread, and end it."""
    running = Harness()
    yield running
    running.inbox.close()
    running.thread.join(60)
    assert not running.thread.is_alive()


def test_a_search_that_fails_publishes_no_box_of_an_earlier_frame(
    harness: Harness, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.show(frames[0])
    assert harness.ask(StartTracking.Request(bbox=box_to_message(START))).success
    harness.show(frames[1])
    told = len(harness.told)
    with monkeypatch.context() as patch:

        def fail(*_arguments: object) -> None:
            raise RuntimeError("CUDA out of memory")

        patch.setattr(SiamFC, "update", fail)
        harness.show(frames[2])
        assert len(harness.told) == told
        assert harness.thread.progress.failed == 1
    harness.show(frames[3])  # and the thread goes on
    assert len(harness.told) == told + 1


def test_a_start_that_fails_is_answered(
    harness: Harness, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.show(frames[0])

    def fail(*_arguments: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(SiamFC, "start", fail)
    answer = harness.ask(StartTracking.Request(bbox=box_to_message(START)))
    assert not answer.success
    assert "CUDA out of memory" in answer.message


def test_the_inbox_refuses_requests_when_too_many_wait() -> None:
    inbox = Inbox()
    requests = [Request(StopTracking.Request(), Future(), deadline=float(i)) for i in range(40)]
    assert sum(map(inbox.put_request, requests)) == MAX_REQUESTS
    assert [r.deadline for r in inbox.take_overdue(now=3.0)] == [0, 1, 2, 3]
    assert len(inbox.close()) == MAX_REQUESTS - 4
    assert not inbox.put_request(requests[0])
    assert inbox.take() is None


def test_the_inbox_holds_only_the_newest_frame(frames: list[np.ndarray]) -> None:
    inbox = Inbox()
    sent = [Frame(image_message(frame)) for frame in frames[:3]]
    for frame in sent:
        inbox.put_frame(frame)
    work = inbox.take()
    assert work is not None
    assert work.frame is sent[-1]
    assert inbox.dropped == 2
