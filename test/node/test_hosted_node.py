"""The node in this process: references, threads and failures that cannot be seen from outside."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StartTracking
from tracker_rig import START

from siamdw_ros.node import engine as engine_module
from siamdw_ros.node import tracker_node
from siamdw_ros.node.decoding import image_message
from siamdw_ros.node.tracker_node import TrackerNode
from siamdw_ros.ros.conversions import box_to_message

PATIENCE = 240.0
CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
CLEANUP = Transition.TRANSITION_CLEANUP


class Host:
    """A node in this process, active, and the thread of its executor."""

    def __init__(self) -> None:
        self.node = TrackerNode()
        quick = {"threads": 1, "backend": "torch"}
        self.node.set_parameters([Parameter(name, value=value) for name, value in quick.items()])
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._spinning = threading.Thread(target=self._executor.spin)
        self._spinning.start()
        wait(lambda: self.node.state == "active")

    def change(self, *transitions: int) -> list[bool]:
        """Carry out transitions; return which succeeded."""
        return [bool(self._await(self.node.change_state(number))) for number in transitions]

    def make_active(self) -> None:
        """Bring the node to the active state."""
        steps = {"unconfigured": CONFIGURE, "inactive": ACTIVATE}
        while (state := self.node.state) != "active":
            assert self.change(steps[state]) == [True], self.node.failure

    def start(self) -> StartTracking.Response:
        """Start a target."""
        request = StartTracking.Request(target_id="cup", bbox=box_to_message(START))
        return self._await(self.node._tracking.call(request))

    def show(self, picture: np.ndarray | Image) -> None:
        """Give the node an image as its subscription does."""
        (camera,) = self.node.inputs.values()
        message = image_message(picture) if isinstance(picture, np.ndarray) else picture
        message.header.stamp = self.node.get_clock().now().to_msg()
        camera.subscription.callback(message)

    def show_until_processed(self, picture: np.ndarray) -> None:
        """Give the node an image and wait for its result."""
        (output,) = self.node.outputs.values()
        before = output.processed.images
        self.show(picture)
        wait(lambda: output.processed.images > before)

    def statuses(self) -> dict[str, DiagnosticStatus]:
        """What the diagnostics report now, by the last word of its name."""
        diagnostics = self.node._diagnostics
        reported = diagnostics.statuses(self.node._snapshot(), time.monotonic())
        return {status.name.split()[-1]: status for status in reported}

    def _await(self, coroutine: Any) -> Any:
        task = self._executor.create_task(coroutine)
        wait(task.done)
        return task.result()

    def close(self) -> None:
        """End the node, as any host of it does: its threads end with it."""
        threads = [self.node._inference, self.node._receiver]
        self._executor.shutdown()
        self._spinning.join()
        self.node.destroy_node()
        assert not any(thread is None or thread.is_alive() for thread in threads)


def wait(condition: Callable[[], Any]) -> None:
    end, tick = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < end
        tick.wait(0.005)


@pytest.fixture(scope="module")
def shared_host() -> Iterator[Host]:
    running = Host()
    yield running
    running.make_active()
    running.close()


@pytest.fixture
def host(shared_host: Host) -> Host:
    shared_host.make_active()
    return shared_host


def test_deactivation_releases_targets_and_images(host: Host, frames: list[np.ndarray]) -> None:
    for _ in range(5):
        host.show_until_processed(frames[0])
        assert host.start().success
        host.show_until_processed(frames[1])
        wait(lambda: host.statuses()["targets"].message == "1 tracked")
        held = [weakref.ref(frame) for frame in host.node._buffer.held()["image"].frames]
        assert held
        host.show(frames[2])  # in flight while the node is deactivated
        assert host.change(DEACTIVATE) == [True]
        assert host.statuses()["targets"].message == "no target"
        gc.collect()
        assert [frame() for frame in held if frame() is not None] == []
        assert host.change(ACTIVATE) == [True]


def hold_searches(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> tuple[threading.Event, threading.Event]:
    """Let each search wait; return the event of its begin, and the one after which it goes on."""
    begins, goes_on = threading.Event(), threading.Event()
    method = host.node.engine.tracker
    search = method.update_many

    def wait_and_search(*arguments: Any) -> Any:
        begins.set()
        goes_on.wait(PATIENCE)
        return search(*arguments)

    monkeypatch.setattr(method, "update_many", wait_and_search)
    return begins, goes_on


def test_an_image_that_waits_while_the_node_is_deactivated_is_counted_as_dropped(
    host: Host, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    host.show_until_processed(frames[0])
    assert host.start().success
    searches, goes_on = hold_searches(host, monkeypatch)
    buffer = host.node._buffer
    close = buffer.close

    def close_and_go_on() -> Any:
        waiting = close()
        goes_on.set()
        return waiting

    monkeypatch.setattr(buffer, "close", close_and_go_on)
    ((received, processed),) = [(c.received, c.processed) for c in host.node.inputs.values()]
    dropped = received.dropped
    host.show(frames[1])
    assert searches.wait(PATIENCE)
    host.show(frames[2])
    assert host.change(DEACTIVATE) == [True]
    assert received.dropped == dropped + 1
    assert received.images == processed.images + received.dropped + received.rejected


def test_a_camera_that_cannot_be_created_leaves_no_publisher_of_the_others(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host.change(DEACTIVATE, CLEANUP) == [True, True]
    topics = Parameter("image_topics", value=["front/image", "rear/image"])
    assert host.node.set_parameters([topics])[0].successful
    before = len(list(host.node.publishers))
    create, created = tracker_node.CameraOutput, []

    def fail_at_the_second(*arguments: Any) -> Any:
        if created:
            raise RuntimeError("no more publishers")
        created.append(create(*arguments))
        return created[0]

    with monkeypatch.context() as patch:
        patch.setattr(tracker_node, "CameraOutput", fail_at_the_second)
        assert host.change(CONFIGURE) == [False]
    assert "no more publishers" in host.start().message
    assert len(list(host.node.publishers)) == before
    only = Parameter("image_topics", value=[""])
    assert host.node.set_parameters([only])[0].successful


def test_an_activation_that_fails_keeps_its_reason(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host.change(DEACTIVATE) == [True]
    (camera,) = host.node.inputs.values()

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise ValueError("realiable is no reliability")

    monkeypatch.setattr(camera, "subscribe", refuse)
    assert host.change(ACTIVATE) == [False]
    reason = "activating failed: realiable is no reliability"
    assert reason in host.start().message
    status = host.statuses()["tracker"]
    assert (status.level, reason in status.message) == (DiagnosticStatus.ERROR, True)


def test_an_unsupported_encoding_is_logged_once(
    host: Host, frames: list[np.ndarray], capfd: pytest.CaptureFixture[str]
) -> None:
    assert host.node.set_parameters([Parameter("camera_timeout", value=0.1)])[0].successful
    message = image_message(frames[0])
    message.encoding = "no encoding"
    wait(lambda: time.monotonic() - host.node.inputs["image"].since > 0.2)  # diagnostics log now
    for _ in range(3):
        host.show(message)
        assert "'no encoding' is not supported" in host.statuses()["image"].message
    assert capfd.readouterr().err.count("'no encoding' is not supported") == 1
    assert host.node.set_parameters([Parameter("camera_timeout", value=2.0)])[0].successful


def test_memory_of_the_device_is_measured_by_the_inference_thread_only(
    host: Host, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def measure(_device: str) -> dict[str, float]:
        threads.add(threading.current_thread().name)
        return {"GPU memory (MiB)": 1.0}

    monkeypatch.setattr(engine_module, "gpu_memory", measure)
    monkeypatch.setattr(engine_module, "MEMORY_PERIOD", 0.0)
    host.node.engine._next_measurement = 0.0
    host.show_until_processed(frames[0])
    wait(lambda: threads)
    values = {value.key: value.value for value in host.statuses()["tracker"].values}
    assert values["GPU memory (MiB)"] == "1.0"
    assert threads == {"siamdw_inference"}


def test_a_search_that_hangs_past_deactivation_publishes_nothing_later(
    host: Host, frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    host.show_until_processed(frames[0])
    assert host.start().success
    hangs, goes_on = hold_searches(host, monkeypatch)
    monkeypatch.setattr(tracker_node, "END_SECONDS", 0.2)
    thread = host.node._inference
    host.show(frames[1])
    assert hangs.wait(PATIENCE)
    assert host.change(DEACTIVATE) == [False]
    assert host.node.state == "unconfigured"
    assert not host.node.close(), "a process that ends now must not wait for the thread"
    host.make_active()
    goes_on.set()
    thread.join(PATIENCE)
    (output,) = host.node.outputs.values()
    assert (output.targets, output.processed.images) == ([], 0)


def test_a_network_that_hangs_while_it_is_loaded_is_waited_for_once() -> None:
    node = TrackerNode()  # nothing spins it: it does not load one itself
    waits: list[float] = []
    loader: Any = SimpleNamespace(join=waits.append, is_alive=lambda: True)
    node._loader = loader
    assert not node.close()
    node.destroy_node()
    assert waits == [tracker_node.END_SECONDS]
