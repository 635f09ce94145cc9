"""The one thread that owns the network and every target."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from rclpy.impl.rcutils_logger import RcutilsLogger
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.diagnostics import Progress
from siamdw_ros.node.frames import Frame, Inbox, Request, Work
from siamdw_ros.node.parameters import Settings
from siamdw_ros.node.targets import RefusedError, Targets
from siamdw_ros.siamdw import create_method
from siamdw_ros.siamdw.method import Method

Answer: TypeAlias = StartTracking.Response | StopTracking.Response


@dataclass(frozen=True)
class Processed:
    """One frame and what the tracker made of it."""

    frame: Frame
    targets: Targets
    inference_seconds: float


class InferenceThread(threading.Thread):
    """Loads the network, then carries out requests and tracks through the newest frames.

    Args:
        settings: the node's parameters.
        inbox: where frames and requests come from; closing it ends the thread.
        publish: called after each frame, in this thread.
        logger: of the node.
    """

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        publish: Callable[[Processed], None],
        logger: RcutilsLogger,
    ) -> None:
        super().__init__(name="siamdw_inference")
        self.settings, self.inbox, self.publish, self.logger = settings, inbox, publish, logger
        self.progress = Progress()
        self.targets = Targets(settings.max_targets)
        self.device = ""
        self._method: Method[Any] | None = None
        self._failure = ""
        self._newest: Frame | None = None

    def run(self) -> None:
        """Work until the inbox is closed."""
        self._load()
        while (work := self.inbox.take()) is not None:
            self._carry_out(work)

    def _load(self) -> None:
        """Make the tracker. Without one the node stays, and says at each request why."""
        settings, start = self.settings, time.monotonic()
        try:
            if settings.threads:
                torch.set_num_threads(settings.threads)
            self._method = create_method(
                settings.model,
                settings.checkpoint or None,
                settings.device,
                settings.preset or None,
                thresholds=settings.thresholds(),
                half=settings.half(),
            )
        except Exception as error:  # whatever it is, requests are answered with it
            self._failure = f"no tracker: {error}"
            self.logger.error(self._failure)
            return
        self.device = str(self._method.runtime.device)
        seconds = time.monotonic() - start
        self.logger.info(f"{settings.model} ready on {self.device} after {seconds:.1f} s")

    def _carry_out(self, work: Work) -> None:
        """Find the targets in the frame, then carry out requests on it, then tell.

        A target that is started on the frame is thus not searched in it again. Nothing is told of
        a frame in which the search failed: the boxes would be those of the frame before.
        """
        self._newest = work.frame or self._newest
        start = time.monotonic()
        tracked = work.frame is not None and self._guarded(self._track, work.frame)
        seconds = time.monotonic() - start
        for request in work.requests:
            request.answer.set_result(self._answer(request))
        if work.frame is not None:
            self.progress.processed += 1
            self.progress.rate.tick(time.monotonic())
            if tracked:
                self._guarded(self.publish, Processed(work.frame, self.targets, seconds))

    def _track(self, frame: Frame) -> None:
        if self._method is not None:
            self.targets.update(frame, self._method)

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> bool:
        """Keep the thread alive through what nobody foresaw: count it, say it, return False."""
        try:
            action(*arguments)
            return True
        except Exception as error:
            self.progress.failed += 1
            self.logger.error(
                f"an image could not be processed, {self.progress.failed} so far: {error!r}",
                throttle_duration_sec=5.0,
            )
            return False

    def _answer(self, request: Request) -> Answer:
        """Carry out a request; whatever goes wrong becomes its answer."""
        asked = request.asked
        try:
            if isinstance(asked, StopTracking.Request):
                stopped = self.targets.stop(asked)
                message = f"stopped {', '.join(stopped)}" if stopped else "nothing was followed"
                return StopTracking.Response(success=True, message=message, target_ids=stopped)
            if self._method is None:
                raise RefusedError(self._failure)
            target = self.targets.start(asked, self._newest, self._method)
        except RefusedError as reason:
            return refusal(asked, str(reason))
        except Exception as error:
            self.logger.error(f"a request failed: {error!r}")
            return refusal(asked, f"failed: {error}")
        self.logger.info(f"following target {target.id}")
        return StartTracking.Response(
            success=True,
            message=f"following target {target.id}",
            target_id=target.id,
            stamp=target.last_seen,
        )


def refusal(asked: StartTracking.Request | StopTracking.Request, reason: str) -> Answer:
    """The response that says no, and why."""
    if isinstance(asked, StartTracking.Request):
        return StartTracking.Response(success=False, message=reason, target_id=asked.target_id)
    return StopTracking.Response(success=False, message=reason)
