"""Requests to a tracker that comes late, over real DDS."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from siamdw_msgs.srv import StartTracking

from siamdw_ros.mavlink import tracker_client
from siamdw_ros.mavlink.commands import ACCEPTED, FAILED, REJECTED
from siamdw_ros.mavlink.feed import Feed
from siamdw_ros.mavlink.tracker_client import TrackerClient

PATIENCE = 20.0  # seconds


class Link:
    """A client, its executor, and the answers that it gave."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.client = TrackerClient(node, "tracker")
        self.feed = Feed("front", "mavlink_100")
        self.feed.size = 640, 480
        self.answers: list[tuple[int, str]] = []
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)

    def track(self) -> None:
        self.client.ask(lambda: self.feed.start((0.1, 0.1, 0.2, 0.2), 0), self._done)

    def stop(self) -> None:
        self.client.ask(self.feed.stop, self._done)

    def serve(self) -> None:
        """Be the tracker, and refuse each target."""

        def refuse(_: Any, answer: StartTracking.Response) -> StartTracking.Response:
            answer.success, answer.message = False, "busy"
            return answer

        self.node.create_service(StartTracking, "tracker/start_tracking", refuse)

    def wait_for_answer(self) -> tuple[int, str]:
        end = time.monotonic() + PATIENCE
        while not self.answers:
            assert time.monotonic() < end
            self.run()
        return self.answers.pop(0)

    def run(self) -> None:
        self._executor.spin_once(timeout_sec=0.01)
        self.client.check()

    def _done(self, result: int, message: str) -> None:
        self.answers.append((result, message))


@pytest.fixture
def link() -> Iterator[Link]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("client_test", namespace=f"/test_{time.monotonic_ns()}", context=context)
    yield Link(node)
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_a_request_waits_for_a_tracker_that_comes(link: Link) -> None:
    link.track()
    link.run()
    assert link.answers == []
    link.serve()
    assert link.wait_for_answer() == (FAILED, "busy")


def test_a_request_waits_for_the_first_image(link: Link) -> None:
    link.serve()
    link.feed.size = 0, 0
    link.track()
    link.run()
    assert link.answers == []
    link.feed.size = 640, 480
    assert link.wait_for_answer() == (FAILED, "busy")


def test_what_does_not_come_is_named(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_client, "READY_SECONDS", 0.1)
    link.track()
    result, message = link.wait_for_answer()
    assert result == REJECTED
    assert message.endswith("/tracker/start_tracking")
    link.feed.size = 0, 0
    link.track()
    assert link.wait_for_answer() == (REJECTED, "no image has come to the tracker yet")


def test_a_stop_after_a_request_that_waits_is_answered_after_it(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_client, "READY_SECONDS", 0.1)
    link.track()
    link.stop()
    assert link.wait_for_answer()[0] == REJECTED
    assert link.wait_for_answer() == (ACCEPTED, "nothing is tracked")


def test_an_answer_that_is_overdue_is_given_up(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_client, "ANSWER_SECONDS", 0.2)
    silent = Node("silent", namespace=link.node.get_namespace(), context=link.node.context)
    silent.create_service(StartTracking, "tracker/start_tracking", lambda *_: None)
    link.track()
    assert link.wait_for_answer() == (REJECTED, "no answer of the tracker within 0.2 s")
    silent.destroy_node()
