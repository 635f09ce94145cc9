"""The inference thread: the only one that uses the network and the targets."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from siamdw_msgs.srv import StartTracking, StopTracking
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.decoding import UndecodableError
from siamdw_ros.node.engine import Engine
from siamdw_ros.node.frame_buffer import Batch, Frame, FrameBuffer
from siamdw_ros.node.publishers import CameraOutput
from siamdw_ros.node.redetection import redetect_lost, usable_boxes
from siamdw_ros.node.requested_frames import frames_from
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.services import RefusedError, ServiceRequest, ServiceResponse, refusal
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.targets import FrameSearch, Targets, track
from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.conversions import box_to_message

CALL_SECONDS = 0.2  # time for service calls per batch, so that many calls cannot delay tracking


class InferenceThread(threading.Thread):
    """Carries out service calls and tracks the targets through the newest frames.

    Args:
        engine: The network and the tracker. No other thread uses it while this one runs.
        buffer: Source of frames and service calls. The thread ends when it is closed.
        settings: Returns the node's parameters.
        outputs: Output of each camera, by the camera's name.
        log: Log of the node.
    """

    def __init__(
        self,
        engine: Engine,
        buffer: FrameBuffer,
        settings: Callable[[], Settings],
        outputs: Mapping[str, CameraOutput],
        log: ThrottledLog,
    ) -> None:
        super().__init__(name="siamdw_inference", daemon=True)
        self._engine = engine
        self._buffer = buffer
        self._settings = settings
        self._outputs = outputs
        self._log = log
        self._applied: Settings | None = None
        self._targets = Targets()

    def run(self) -> None:
        """Process batches until the buffer is closed."""
        while (batch := self._buffer.take()) is not None:
            self._guarded("applying parameters", self._apply_settings)
            self._guarded("processing images", self._process, batch)

    def _apply_settings(self) -> None:
        settings = self._settings()
        if settings is not self._applied:
            self._applied = settings
            self._engine.apply(settings)
            self._targets.apply(settings)

    def _process(self, batch: Batch) -> None:
        """Track the targets through the frames, publish, then answer service calls.

        Calls and a detector's boxes come after the tracking, so that a target is not searched
        again in the frame that it is started on. They come after the publishing, because a target
        that catches up may be found in a newer frame, and no longer has the result of this one.
        Nothing is published of a frame whose search failed: the boxes would be those of the frame
        before.
        """
        settings = self._settings()
        removed = self._targets.remove_ended(time.monotonic(), settings.give_up_seconds)
        for name, reason in removed.items():
            self._log.info(f"target {name} {reason}: it is removed")
        searched, seconds = self._track(batch.frames)
        horizon = settings.prediction_horizon
        results = [
            FrameResult(frame, self._targets.results(frame, horizon), seconds, settings)
            for frame in searched
        ]
        for result in results:
            output = self._outputs[result.frame.camera]
            self._guarded("publishing", output.publish, result)
        self._answer_calls()
        for camera, detections in batch.detections.items():
            self._guarded("re-detection", self._redetect, camera, detections)
        for result in results:
            output = self._outputs[result.frame.camera]
            self._guarded("drawing the debug image", output.show, result)
        self._guarded("measuring memory", self._engine.measure_memory, time.monotonic())

    def _track(self, frames: list[Frame]) -> tuple[list[Frame], float]:
        """Search all frames in one batch; return those that were searched, and the seconds."""
        start = time.monotonic()
        for frame in frames:
            stats = self._outputs[frame.camera].processed
            stats.waiting.add(start, 1e3 * (start - frame.arrived))
        searches = [search for frame in frames if (search := self._prepare(frame))]
        done = [search.frame for search in searches]
        try:
            track(searches, self._engine.tracker)
        except Exception as error:
            self._fail(done, error)
            return [], 0.0
        end = time.monotonic()
        for frame in done:
            self._outputs[frame.camera].processed.count(end, end - start)
        return done, end - start

    def _prepare(self, frame: Frame) -> FrameSearch | None:
        """Decode a frame if there is a target to search in it; None if it is damaged."""
        try:
            search = self._targets.search_in(frame)
        except UndecodableError as error:
            self._outputs[frame.camera].processed.rejected += 1
            self._log.warning(
                f"{frame.camera} undecodable", f"{frame.camera}: image rejected: {error}"
            )
            return None
        except Exception as error:
            self._fail([frame], error)
            return None
        for kind, text in search.warnings.items():
            self._log.warning(f"{frame.camera} {kind}", f"{frame.camera}: {text}")
        return search

    def _fail(self, frames: list[Frame], error: Exception) -> None:
        for frame in frames:
            stats = self._outputs[frame.camera].processed
            stats.images += 1
            stats.failed += 1
        self._log.exception("tracking", error)

    def _guarded(self, what: str, action: Callable[..., None], *arguments: Any) -> None:
        """Keep the thread alive when an action fails."""
        try:
            action(*arguments)
        except Exception as error:
            self._log.exception(what, error)

    def _redetect(self, camera: str, detections: Detection2DArray) -> None:
        """Search lost targets in a detector's boxes, in the image that the detector saw."""
        if not self._targets.lost(camera):
            return
        settings = self._settings()
        header = Header(stamp=detections.header.stamp, frame_id=camera)
        try:
            frames = frames_from(header, self._buffer.held(), oldest=0.0)
        except RefusedError as reason:  # the detector takes longer than frames are held
            self._log.warning(f"{camera} detector", f"~/detector: {reason}")
            return
        boxes = usable_boxes(detections, settings.redetection_class)
        for target in redetect_lost(self._targets, boxes, frames, self._engine.tracker, settings):
            self._log.info(f"target {target.id} may be in a box of the detector")

    def _answer_calls(self) -> None:
        """Carry out service calls for as long as frames may wait for them; one in any case."""
        end = time.monotonic() + CALL_SECONDS
        while call := self._buffer.next_call():
            if call.begin():
                call.settle(self._answer(call.request))
            if time.monotonic() > end:
                break

    def _answer(self, request: ServiceRequest) -> ServiceResponse:
        """Carry out a request and return its response, whatever goes wrong."""
        try:
            if isinstance(request, StopTracking.Request):
                return self._stop_target(request)
            return self._start_target(request)
        except RefusedError as reason:
            return refusal(request, str(reason))
        except Exception as error:
            self._log.exception("a request", error)
            return refusal(request, f"failed: {error}")

    def _stop_target(self, request: StopTracking.Request) -> ServiceResponse:
        stopped = self._targets.stop(request)
        message = f"stopped target {', '.join(stopped)}" if stopped else "there was no target"
        return StopTracking.Response(success=True, message=message, target_ids=stopped)

    def _start_target(self, request: StartTracking.Request) -> ServiceResponse:
        settings = self._settings()
        oldest = time.monotonic() - settings.camera_timeout
        frames = frames_from(request.header, self._buffer.held(), oldest)
        started = self._targets.start(request, frames, self._engine, settings)
        return StartTracking.Response(
            success=True,
            message=started.message,
            target_id=started.target.id,
            stamp=frames[0].stamp,
            bbox=box_to_message(started.box),
        )
