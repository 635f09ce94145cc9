"""The tracker node: images and requests in, detections and status out.

Nothing that is imported here needs torch: services answer while torch and the network load.
docs/architecture.md shows the threads and the path of an image.
"""

import sys

if __name__ == "__main__":  # before the slow imports: Ctrl-C in them would print a traceback
    from siamdw_ros.node.__main__ import main as run

    run()
    sys.exit()

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lifecycle_msgs.msg import Transition
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from siamdw_ros.node.camera_input import (
    CameraInput,
    camera_names,
    check_cameras,
    topic_prefixes,
)
from siamdw_ros.node.clicks import ClickInput
from siamdw_ros.node.decoding import TRANSPORTS
from siamdw_ros.node.diagnostics import DiagnosticsPublisher, Snapshot
from siamdw_ros.node.engine import Engine, Loader, free_memory
from siamdw_ros.node.frame_buffer import FrameBuffer
from siamdw_ros.node.managed_node import ManagedNode
from siamdw_ros.node.publishers import CameraOutput
from siamdw_ros.node.receiver import Receiver
from siamdw_ros.node.services import PendingCall, RefusedError, TrackingServices
from siamdw_ros.node.settings import Settings
from siamdw_ros.ros.node_parameters import NodeParameters, ParameterError
from siamdw_ros.ros.parameters import Parameter, Read
from siamdw_ros.ros.running import run_node

if TYPE_CHECKING:  # needs torch
    from siamdw_ros.node.inference import InferenceThread

MEGABYTE = 2**20
END_SECONDS = 5.0  # time for a thread to end; one that takes longer hangs in a driver
ADVICE = {
    "unconfigured": "configure and activate it",
    "configuring": "the network is being loaded, try again in a moment",
    "inactive": "activate it",
    "finalized": "start a new one",
}
SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR


class TrackerNode(ManagedNode):
    """Tracks targets through the images of one or several cameras.

    Configured, it has the network and its publishers. Active, it subscribes to the images and has
    two more threads: the receiver checks images and puts them into the frame buffer, the
    inference thread does the rest and publishes. The executor's thread answers requests.

    Attributes:
        parameters: The node's parameters.
        inputs: Input of each camera by its name, while the node is configured.
        outputs: Output of each camera by its name, while the node is configured.
        engine: Network and tracker, while the node is configured.

    Raises:
        ParameterError: A parameter has a value that it cannot have.
    """

    def __init__(self) -> None:
        super().__init__("siamdw_tracker")
        self.parameters = NodeParameters(self, Settings, self._check_change, self._on_changed)
        self.inputs: dict[str, CameraInput] = {}
        self.outputs: dict[str, CameraOutput] = {}
        self.engine: Engine | None = None
        self._loader: Loader | None = None
        self._buffer: FrameBuffer | None = None
        self._receiver: Receiver | None = None
        self._inference: InferenceThread | None = None
        self._hanging: list[threading.Thread] = []  # that did not end in time
        self._tracking = TrackingServices(
            self, lambda: self.parameters.settings, self._accept, self.log
        )
        self._clicks = ClickInput(self, self._tracking.call)
        self._diagnostics = DiagnosticsPublisher(self, self._snapshot)
        if self.parameters.settings.autostart:
            self._autostart = self.create_steady_timer(0.0, self._start_by_itself)

    async def _start_by_itself(self) -> None:
        self._autostart.cancel()
        if await self.change_state(Transition.TRANSITION_CONFIGURE):
            await self.change_state(Transition.TRANSITION_ACTIVATE)

    # Transitions

    async def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network and create the cameras' publishers."""
        settings = self.parameters.settings
        self.failure = ""
        try:
            settings.check()
            check_cameras(self, settings.topics(), TRANSPORTS[settings.image_transport])
            engine = await self._load(settings)
        except (ValueError, OSError, RuntimeError) as error:
            self.failure = str(error)  # the reason in later refusals
            self.get_logger().error(f"not configured: {error}")
            return FAILURE
        self.engine = engine
        self._create_cameras(settings, engine.device)
        return SUCCESS

    def _create_cameras(self, settings: Settings, device: str) -> None:
        topics = settings.topics()
        names = camera_names(topics)
        transport = TRANSPORTS[settings.image_transport]
        for topic, name, prefix in zip(topics, names, topic_prefixes(names), strict=True):
            resolved = self.resolve_topic_name(topic)
            camera = CameraInput(self, resolved, transport, name, prefix, self.log)
            self.inputs[name] = camera
            self.outputs[name] = CameraOutput(
                self, prefix, camera.received, camera.processed, device
            )
            self._clicks.add_camera(name, [camera.topic, f"{prefix}/debug_image"])

    async def _load(self, settings: Settings) -> Engine:
        if self._loader is not None and self._loader.is_alive():
            raise RuntimeError("an earlier attempt to load the network has not ended yet")
        loader = Loader(settings, self.wake, self.log)
        self._loader = loader
        loader.start()
        watch = self.create_steady_timer(1.0, loader.check_deadline)
        try:
            loaded: Engine | str = await loader.outcome.future
        finally:
            self.destroy_timer(watch)
        if isinstance(loaded, str):
            raise RuntimeError(loaded)
        ready = f"ready on {loaded.device} after {loader.seconds:.1f} s"
        self.get_logger().info(f"{settings.model} {ready}")
        return loaded

    def on_activate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Start the inference thread, subscribe to the images and receive them."""
        from siamdw_ros.node.inference import InferenceThread

        settings = self.parameters.settings
        assert self.engine is not None
        self.failure = ""
        topics = {name: camera.topic for name, camera in self.inputs.items()}
        self._buffer = FrameBuffer(topics, *_history(settings))
        self._inference = InferenceThread(
            self.engine,
            self._buffer,
            lambda: self.parameters.settings,
            dict(self.outputs),
            self.log,
        )
        self._inference.start()
        for camera in self.inputs.values():
            camera.subscribe(self._buffer, with_detector=bool(settings.redetection_class))
        subscriptions = [camera.subscription for camera in self.inputs.values()]
        self._receiver = Receiver(self, subscriptions, self.log)
        self._receiver.start()
        return SUCCESS

    def on_deactivate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """End both threads, unsubscribe, and release targets and images. The network stays."""
        received = self._end_receiver()
        self._tracking.refuse_all("the node is being deactivated")
        inferred = self._end_inference()
        # Only now: a thread that still runs would write again what is reset here.
        for camera in self.inputs.values():
            camera.unsubscribe()
        for output in self.outputs.values():
            output.reset()
        self._buffer = None
        if not (received and inferred):
            return ERROR
        if self.engine is not None:
            self.engine.release()
        free_memory()
        return SUCCESS

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Release the network and the publishers."""
        for output in self.outputs.values():
            output.destroy()
        self._clicks.remove_cameras()
        self.inputs = {}
        self.outputs = {}
        self.engine = None
        free_memory()
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, in whichever state."""
        self.on_deactivate(state)
        return self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, so that the node can be configured again."""
        return self.on_shutdown(state)

    def _end_receiver(self) -> bool:
        """End the receiving thread; return False if it does not end."""
        thread = self._receiver
        self._receiver = None
        if thread is None or thread.end(END_SECONDS):
            return True
        self.get_logger().error(f"receiving has not ended within {END_SECONDS:g} s")
        self._hanging.append(thread)
        return False

    def _end_inference(self) -> bool:
        """End the inference thread; return False if it does not end."""
        thread = self._inference
        self._inference = None
        if thread is None or self._buffer is None:
            return True
        for camera in self._buffer.close():
            self.inputs[camera].received.dropped += 1  # its frame is not processed any more
        thread.join(END_SECONDS)
        if not thread.is_alive():
            return True
        self.get_logger().error(f"inference has not ended within {END_SECONDS:g} s")
        self._hanging.append(thread)
        return False

    def _end_loader(self) -> None:
        """Wait for the loading thread."""
        thread = self._loader
        self._loader = None
        if thread is not None:
            thread.join(END_SECONDS)
            self._hanging.append(thread)

    # Requests, parameters, diagnostics

    def _accept(self, call: PendingCall) -> None:
        """Pass a service call to the inference thread.

        Raises:
            RefusedError: The node is not active.
        """
        if self.state != "active" or self._buffer is None:
            advice = self.failure or ADVICE.get(self.state, "try again in a moment")
            raise RefusedError(f"the node is {self.state}: {advice}")
        self._buffer.put_call(call)

    def _check_change(self, settings: Settings, changes: Sequence[Parameter]) -> None:
        """Check whether parameters can be changed in this state, and to these values.

        Raises:
            ValueError: They cannot.
        """
        for parameter in changes:
            if parameter.read is Read.CONFIGURE and self.state != "unconfigured":
                raise ValueError(
                    f"{parameter.name} is read when the node is configured, and it is "
                    f"{self.state}: deactivate it and clean it up first"
                )
        if self.engine is not None:
            self.engine.hyperparameters(settings)  # refuses those that do not fit the network
        elif self.state == "configuring":
            raise ValueError("the network is being loaded: try again in a moment")

    def _on_changed(self, settings: Settings) -> None:
        if self._buffer is not None:
            self._buffer.limit_history(*_history(settings))

    def _snapshot(self) -> Snapshot:
        engine = self.engine
        return Snapshot(
            state=self.state,
            failure=self.failure,
            settings=self.parameters.settings,
            device=engine.device if engine is not None else "",
            memory=engine.memory if engine is not None else {},
            cameras=list(zip(self.inputs.values(), self.outputs.values(), strict=True)),
        )

    def close(self) -> bool:
        """End all threads; return False if one of them, or of those ended before, still runs."""
        self._end_receiver()
        self._end_inference()
        self._end_loader()
        return not any(thread.is_alive() for thread in self._hanging)

    def destroy_node(self) -> None:
        """End all threads and destroy the node."""
        self.close()
        super().destroy_node()


def _history(settings: Settings) -> tuple[float, float]:
    return settings.history_seconds, settings.history_megabytes * MEGABYTE


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted."""
    ended = False

    def close(node: TrackerNode) -> None:
        nonlocal ended
        ended = node.close()

    try:
        run_node(TrackerNode, args, halt=close)
    except ParameterError as error:
        sys.exit(f"siamdw_tracker: {error}")
    if not ended:  # Python would wait for the thread, or crash with it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
