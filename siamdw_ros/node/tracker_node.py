"""The node: images and requests in, detections and status out.

Nothing that this module imports needs torch: services answer while torch and the network load.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import rclpy
from lifecycle_msgs.msg import Transition
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from siamdw_ros.node.camera_input import Camera, make_cameras
from siamdw_ros.node.decoding import TRANSPORTS
from siamdw_ros.node.diagnostics import DiagnosticsPublisher
from siamdw_ros.node.engine import Engine, Loader, free_memory
from siamdw_ros.node.frame_buffer import FrameBuffer
from siamdw_ros.node.managed_node import ManagedNode
from siamdw_ros.node.parameters import NodeParameters, Parameter, Read, Settings
from siamdw_ros.node.process.dds_ports import ports_of_its_own
from siamdw_ros.node.receiver import Receiver
from siamdw_ros.node.services import RefusedError, Request, RequestServices

if TYPE_CHECKING:
    from siamdw_ros.node.inference import InferenceThread, Processed

MEGABYTE = 2**20
END_SECONDS = 5.0  # that a thread has to end; longer, and it hangs in a driver
ADVICE = {
    "unconfigured": "configure and activate it",
    "configuring": "the network is being loaded, try again in a moment",
    "inactive": "activate it",
    "finalized": "start it anew",
}
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class TrackerNode(ManagedNode):
    """Follows targets through the images of one or several cameras.

    Configured, it has the network and its publishers; active, it is subscribed to the images and
    two threads run. The receiver's checks images and puts them into the inbox; the inference
    thread does the rest and publishes. The executor's thread answers requests.
    """

    def __init__(self) -> None:
        super().__init__("siamdw_tracker")
        self.parameters = NodeParameters(self, self._check_change, self._on_changed)
        self.requests = RequestServices(self, lambda: self.parameters.settings, self._accept)
        self.cameras: dict[str, Camera] = {}
        self.engine: Engine | None = None
        self._loader: Loader | None = None
        self._inbox: FrameBuffer | None = None
        self._receiver: Receiver | None = None
        self._inference: InferenceThread | None = None
        self.failure = ""
        self.diagnostics = DiagnosticsPublisher(self)
        if self.parameters.settings.autostart:
            self._autostart = self.create_steady_timer(0.0, self._start_by_itself)

    async def _start_by_itself(self) -> None:
        self._autostart.cancel()
        if await self.change_state(Transition.TRANSITION_CONFIGURE):
            await self.change_state(Transition.TRANSITION_ACTIVATE)

    # Transitions

    async def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network; make the cameras' publishers."""
        settings = self.parameters.settings
        try:
            settings.check()
            engine = await self._load(settings)
            cameras = make_cameras(self, settings.topics(), TRANSPORTS[settings.image_transport])
        except Exception as error:  # whatever it is, requests are answered with it
            self.failure = str(error)
            self.get_logger().error(f"not configured: {error}")
            return FAILURE
        self.engine, self.failure = engine, ""
        self.cameras = {camera.name: camera for camera in cameras}
        return SUCCESS

    async def _load(self, settings: Settings) -> Engine:
        if self._loader is not None and self._loader.is_alive():
            raise RuntimeError("an earlier attempt to load the network has not ended yet")
        self._loader = Loader(settings, self.wake)
        watch = self.create_steady_timer(1.0, self._loader.check_deadline)
        try:
            made: Engine | str = await self._loader.outcome.future
        finally:
            self.destroy_timer(watch)
        if isinstance(made, str):
            raise RuntimeError(made)
        seconds = self._loader.seconds
        self.get_logger().info(f"{settings.model} ready on {made.device} after {seconds:.1f} s")
        return made

    def on_activate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Start the inference thread, subscribe to the images and receive them."""
        from siamdw_ros.node.inference import InferenceThread

        settings = self.parameters.settings
        assert self.engine is not None
        self._inbox = FrameBuffer(self.cameras, *_history(settings))
        self._inference = InferenceThread(
            self.engine,
            self._inbox,
            lambda: self.parameters.settings,
            {name: camera.progress for name, camera in self.cameras.items()},
            self._publish(Camera.publish),
            self._publish(Camera.show),
            self.get_logger(),
        )
        self._inference.start()
        for camera in self.cameras.values():
            camera.subscribe(self._inbox, with_detector=bool(settings.rearm_class))
        self._receiver = Receiver(self, [c.subscription for c in self.cameras.values()])
        self._receiver.start()
        return SUCCESS

    def on_deactivate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, end the threads, forget the targets. The network stays."""
        received = self._end_receiver()
        for camera in self.cameras.values():
            camera.unsubscribe()
        self.requests.refuse_all("the node is being deactivated")
        if not (self._end_inference() and received):
            return TransitionCallbackReturn.ERROR
        if self.engine is not None:
            self.engine.release()  # only now: the inference thread has ended
        free_memory()
        return SUCCESS

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the network and the publishers."""
        for camera in self.cameras.values():
            camera.destroy()
        self.cameras = {}
        self.engine = None
        free_memory()
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything, in whichever state."""
        self.on_deactivate(state)
        return self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything, so that the node can be configured anew."""
        return self.on_shutdown(state)

    def _end_receiver(self) -> bool:
        """End the receiver's thread; False if it does not end."""
        thread, self._receiver = self._receiver, None
        if thread is None or thread.end(END_SECONDS):
            return True
        self.get_logger().error(f"receiving has not ended within {END_SECONDS:g} s")
        return False

    def _end_inference(self) -> bool:
        """End the inference thread; False if it does not end."""
        thread, self._inference = self._inference, None
        if thread is None or self._inbox is None:
            return True
        self._inbox.close()
        thread.join(END_SECONDS)
        if thread.is_alive():
            self.get_logger().error(f"inference has not ended within {END_SECONDS:g} s")
        return not thread.is_alive()

    # Requests, parameters, results

    def _accept(self, request: Request) -> None:
        if self.state != "active" or self._inbox is None:
            advice = self.failure or ADVICE.get(self.state, "try again in a moment")
            raise RefusedError(f"the node is {self.state}: {advice}")
        self._inbox.put_request(request)

    def _check_change(self, settings: Settings, changes: Sequence[Parameter]) -> None:
        """Raise ValueError for what cannot be changed in this state, or not to this."""
        for parameter in changes:
            if parameter.read is Read.CONFIGURE and self.state != "unconfigured":
                raise ValueError(
                    f"{parameter.name} is read when the node is configured, and it is "
                    f"{self.state}: deactivate it and clean it up first"
                )
        if self.engine is not None:
            self.engine.check(settings)
        elif self.state == "configuring":
            raise ValueError("the network is being loaded: try again in a moment")

    def _on_changed(self, settings: Settings) -> None:
        if self._inbox is not None:
            self._inbox.limit_history(*_history(settings))

    def _publish(
        self, what: Callable[[Camera, "Processed", Settings, str], None]
    ) -> Callable[["Processed"], None]:
        """A call of a camera's method for a frame of it, for the inference thread."""

        def publish(processed: "Processed") -> None:
            assert self.engine is not None
            camera = self.cameras[processed.frame.camera]
            try:
                what(camera, processed, self.parameters.settings, self.engine.device)
            except rclpy_implementation.RCLError:
                if self.context.ok():  # otherwise the node is shutting down
                    raise

        return publish

    def close(self) -> bool:
        """End all threads; False if one of them does not end."""
        ended = self._end_receiver()
        ended = self._end_inference() and ended
        if self._loader is not None:
            self._loader.join(END_SECONDS)
            ended = ended and not self._loader.is_alive()
        return ended


def _history(settings: Settings) -> tuple[float, float]:
    return settings.history_seconds, settings.history_megabytes * MEGABYTE


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted."""
    ended = True
    try:
        with ports_of_its_own():
            rclpy.init(args=args)
            node = TrackerNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            executor.spin()
        finally:
            ended = node.close()
            node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # asked to end: that is no failure
    finally:
        rclpy.try_shutdown()
    if not ended:  # Python would wait for the thread, or crash with it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
