"""The one thread that uses the network and holds every target, while the node is active."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.impl.rcutils_logger import RcutilsLogger
from siamdw_msgs.srv import StartTracking, StopTracking
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from siamdw_ros.node.decoding import UndecodableError
from siamdw_ros.node.engine import Engine
from siamdw_ros.node.frame_buffer import Frame, FrameBuffer, Work, frames_from
from siamdw_ros.node.metrics import ProcessStats
from siamdw_ros.node.parameters import Settings
from siamdw_ros.node.redetection import places
from siamdw_ros.node.services import Answer, Asked, RefusedError, Request, refusal
from siamdw_ros.node.targets import FollowedTarget, Search, Targets, carry_out
from siamdw_ros.siamdw.presence import State

REQUEST_SECONDS = 0.2  # for requests between two frames, so that they cannot stop the tracking
ERROR_PERIOD = 5.0  # seconds between errors of one kind in the log


@dataclass(frozen=True)
class Processed:
    """One frame, what the tracker made of it, and how long its batch took."""

    frame: Frame
    targets: list[FollowedTarget]
    inference_seconds: float


class InferenceThread(threading.Thread):
    """Carries out requests and tracks through the newest frames.

    Args:
        engine: nobody else uses it while the thread runs.
        inbox: where frames and requests come from; closing it ends the thread.
        settings: returns the node's parameters; those that may change are read at each turn.
        progress: of each camera, to count in.
        publish: called after each frame, in this thread.
        show: called then, when all that robots wait for is published.
        logger: of the node.
    """

    def __init__(
        self,
        engine: Engine,
        inbox: FrameBuffer,
        settings: Callable[[], Settings],
        progress: Mapping[str, ProcessStats],
        publish: Callable[[Processed], None],
        show: Callable[[Processed], None],
        logger: RcutilsLogger,
    ) -> None:
        super().__init__(name="siamdw_inference", daemon=True)
        self._engine, self._inbox, self._settings = engine, inbox, settings
        self._progress, self._publish, self._show = progress, publish, show
        self._logger = logger
        self._applied: Settings | None = None
        self._targets = Targets()

    def run(self) -> None:
        """Work until the inbox is closed."""
        while (work := self._inbox.take()) is not None:
            self._guarded("parameters", self._apply_settings)
            self._guarded("a turn", self._carry_out, work)

    def _apply_settings(self) -> None:
        settings = self._settings()
        if settings is not self._applied:
            self._applied = settings
            self._engine.apply(settings)
            self._targets.apply(settings)

    def _carry_out(self, work: Work) -> None:
        """Find the targets in the frames, then carry out requests on them, then tell.

        A target that is started on a frame is thus not searched in it again. Nothing is told of
        a frame in which the search failed: the boxes would be those of the frame before.
        """
        for frame in work.frames:
            self._give_up(frame)
        done, seconds = self._track(work.frames)
        self._answer_some()
        for camera, detections in work.detections.items():
            self._guarded("taking a target back", self._take_back, camera, detections)
        told = [Processed(frame, self._targets.in_frame(frame), seconds) for frame in done]
        for processed in told:
            self._guarded("publishing", self._publish, processed)
        for processed in told:
            self._guarded("drawing", self._show, processed)

    def _answer_some(self) -> None:
        """Carry out requests for as long as frames may wait for them; one in any case."""
        end = time.monotonic() + REQUEST_SECONDS
        while request := self._inbox.next_request():
            if request.begin():
                request.settle(self._answer(request))
            if time.monotonic() > end:
                break

    def _give_up(self, frame: Frame) -> None:
        for name in self._targets.give_up(frame, self._settings().give_up_seconds):
            self._logger.warning(f"target {name} was lost for too long: it is forgotten")

    def _track(self, frames: list[Frame]) -> tuple[list[Frame], float]:
        """Search all frames in one batch: those that were searched, and how long it took."""
        start = time.monotonic()
        for frame in frames:
            self._progress[frame.camera].waiting.add(start, 1e3 * (start - frame.arrived))
        searches = [search for frame in frames if (search := self._prepare(frame))]
        done = [search.frame for search in searches]
        try:
            carry_out(searches, self._engine.method)
        except Exception as error:
            self._fail(done, error)
            return [], 0.0
        end = time.monotonic()
        for frame in done:
            self._progress[frame.camera].count(end, end - start)
        return done, end - start

    def _prepare(self, frame: Frame) -> Search | None:
        """Read a frame's image, if there is anything to search in it; None if it is damaged."""
        try:
            return self._targets.search_in(frame)
        except UndecodableError as error:
            self._progress[frame.camera].rejected += 1
            self._logger.warning(
                f"{frame.camera}: image rejected: {error}", throttle_duration_sec=ERROR_PERIOD
            )
        except Exception as error:
            self._fail([frame], error)
        return None

    def _fail(self, frames: list[Frame], error: Exception) -> None:
        for frame in frames:
            self._progress[frame.camera].processed += 1
            self._progress[frame.camera].failed += 1
        self._report("an image", error)

    def _guarded(self, what: str, action: Callable[..., None], *arguments: Any) -> None:
        """Keep the thread alive through what nobody foresaw."""
        try:
            action(*arguments)
        except Exception as error:
            self._report(what, error)

    def _report(self, what: str, error: Exception) -> None:
        self._logger.error(f"{what} failed: {error!r}", throttle_duration_sec=ERROR_PERIOD)

    def _take_back(self, camera: str, detections: Detection2DArray) -> None:
        """Look for lost targets where a detector saw something, in the image that it saw."""
        settings = self._settings()
        header = Header(stamp=detections.header.stamp, frame_id=camera)
        try:
            frames = frames_from(header, self._inbox.histories())
        except RefusedError as reason:  # the detector is slower than the history is long
            self._logger.warning(f"~/detector: {reason}", throttle_duration_sec=ERROR_PERIOD)
            return
        boxes = places(detections, settings.rearm_class)
        for target in self._targets.take_back(boxes, frames, self._engine.method, settings):
            self._logger.info(f"target {target.id} may be where the detector says")

    def _answer(self, request: Request) -> Answer:
        """Carry out a request; whatever goes wrong becomes its answer."""
        asked = request.asked
        try:
            return (
                self._stop_target(asked)
                if isinstance(asked, StopTracking.Request)
                else self._start_target(asked)
            )
        except RefusedError as reason:
            return refusal(asked, str(reason))
        except Exception as error:
            self._logger.error(f"a request failed: {error!r}", throttle_duration_sec=ERROR_PERIOD)
            return refusal(asked, f"failed: {error}")

    def _stop_target(self, asked: Asked) -> Answer:
        stopped = self._targets.stop(asked)
        message = f"stopped {', '.join(stopped)}" if stopped else "nothing was followed"
        return StopTracking.Response(success=True, message=message, target_ids=stopped)

    def _start_target(self, asked: Asked) -> Answer:
        frames = frames_from(asked.header, self._inbox.histories())
        target, searched = self._targets.start(
            asked, frames, self._engine.method, self._settings()
        )
        message = f"following target {target.id}"
        if len(frames) > 1:
            message += f", {searched} of {len(frames) - 1} newer images searched"
        if target.result.state is State.LOST:
            message += "; it was lost on the way"
        self._logger.info(message)
        return StartTracking.Response(
            success=True, message=message, target_id=target.id, stamp=frames[0].stamp
        )
