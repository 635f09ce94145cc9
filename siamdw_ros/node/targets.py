"""The targets that the node tracks. Everything here runs in the inference thread."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.decoding import UndecodableError
from siamdw_ros.node.engine import Engine
from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.results import TargetResult
from siamdw_ros.node.services import RefusedError
from siamdw_ros.node.settings import MAX_NAME_LENGTH, Settings
from siamdw_ros.node.smoothing import BoxFilter
from siamdw_ros.node.start_box import StartBox, start_box
from siamdw_ros.ros.abridge import abridge
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target
from siamdw_ros.siamdw.presence import State, TrackResult

SAME_SHAPE = 0.01  # relative difference of two aspect ratios that count as the same

Image = NDArray[np.uint8]
Size = tuple[int, int]  # width and height of an image, in pixels


@dataclass
class TrackedTarget:
    """One target, and what was last found of it.

    Attributes:
        id: The target's id.
        model: The tracker's record of the target: position, size, template, presence.
        frame: The frame that `result` is about.
        size: Width and height of that frame's image, in pixels.
        result: What that frame showed; the box is smoothed.
        last_seen: Stamp of the last frame in which the target was tracked.
        motion: Smooths the boxes.
        lost_since: Arrival time of the frame in which the target became lost; None if it is not.
        ends: Time of the steady clock, in seconds, at which it is removed; None: never.
    """

    id: str
    model: Target
    frame: Frame
    size: Size
    result: TrackResult
    last_seen: Time
    motion: BoxFilter
    lost_since: float | None = None
    ends: float | None = None

    def record(self, frame: Frame, image: Image, result: TrackResult) -> None:
        """Store what a frame showed."""
        self.frame = frame
        self.size = image_size(image)
        if result.state is State.TRACKED:
            self.last_seen = frame.stamp
        if result.state is State.LOST:
            self.motion.reset()
            self.result = result
            self.lost_since = frame.arrived if self.lost_since is None else self.lost_since
        else:
            self.lost_since = None
            box = self.motion.update(result.box, nanoseconds(frame.stamp) * 1e-9)
            self.result = replace(result, box=box)

    def fit_to(self, image: Image) -> str | None:
        """Adapt the target to an image of another size than the last one.

        With the same aspect ratio, the scene is the same at another resolution: the box and the
        search window are scaled. Otherwise nothing is known of where the target is: it is lost.

        Returns:
            What happened, for the log; None if the size is the same.
        """
        before, now = self.size, image_size(image)
        if before == now:
            return None
        self.size = now
        self.motion.reset()
        sizes = f"from {before[0]}x{before[1]} to {now[0]}x{now[1]} px"
        if abs(now[0] * before[1] / (now[1] * before[0]) - 1) < SAME_SHAPE:
            self.model.rescale(now[0] / before[0], image)
            return f"the images changed {sizes}: the box of target {self.id} is scaled"
        self.model.presence.lose()
        return f"the images changed {sizes}, another shape: target {self.id} is lost"

    def report(self, horizon: float) -> TargetResult:
        """Return the immutable record of what the last frame showed.

        Args:
            horizon: Seconds to predict ahead; 0 predicts nothing.
        """
        seen = self.result.state is not State.LOST
        return TargetResult(
            id=self.id,
            state=self.result.state,
            score=self.result.score,
            box=self.result.box,
            last_seen=self.last_seen,
            predicted=self.motion.predict(horizon) if horizon and seen else None,
            response=getattr(self.model, "response", None),
        )


def image_size(image: Image) -> Size:
    """Return width and height of an image in pixels."""
    return image.shape[1], image.shape[0]


@dataclass(frozen=True)
class FrameSearch:
    """The targets to search in a frame.

    Attributes:
        frame: The frame.
        targets: The targets to find in it.
        image: The image; None if there are no targets.
        warnings: What the operator should know about the image, by kind.
    """

    frame: Frame
    targets: list[TrackedTarget]
    image: Image | None
    warnings: dict[str, str]


def track(searches: Sequence[FrameSearch], tracker: MultiTracker[Any]) -> None:
    """Find all targets in all frames, in one batch."""
    decoded = [(search, search.image) for search in searches if search.image is not None]
    if not decoded:
        return
    models = [(image, [target.model for target in search.targets]) for search, image in decoded]
    for (search, image), results in zip(decoded, tracker.update_many(models), strict=True):
        for target, result in zip(search.targets, results, strict=True):
            target.record(search.frame, image, result)


@dataclass(frozen=True)
class Started:
    """A target that was just started.

    Attributes:
        target: The target, in the newest frame.
        box: (x, y, w, h) in pixels of the frame that it was started on.
        message: What was done, for the operator.
    """

    target: TrackedTarget
    box: Box
    message: str


@dataclass
class Targets:
    """All targets by id, in the order in which they were started."""

    _targets: dict[str, TrackedTarget] = field(default_factory=dict)
    _named: int = 0

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[TrackedTarget]:
        return iter(self._targets.values())

    def results(self, frame: Frame, horizon: float) -> tuple[TargetResult, ...]:
        """Return the records of the targets whose last result is about this frame.

        Args:
            frame: The frame.
            horizon: Seconds to predict ahead; 0 predicts nothing.
        """
        return tuple(target.report(horizon) for target in self if target.frame is frame)

    def lost(self, camera: str) -> list[TrackedTarget]:
        """Return the lost targets of a camera."""
        return [t for t in self if t.frame.camera == camera and t.result.state is State.LOST]

    def start(
        self,
        request: StartTracking.Request,
        frames: Sequence[Frame],
        engine: Engine,
        settings: Settings,
    ) -> Started:
        """Start a target on the first of some frames, and catch up to the last one.

        Raises:
            RefusedError: The request cannot be carried out. Nothing has changed then.
        """
        self._check(request, settings.max_targets)
        seconds = seconds_to_track(request)
        first, *later = frames
        image, start = start_box(request.bbox, first, engine.extents)
        target = TrackedTarget(
            id=request.target_id or self._new_id(),
            model=engine.tracker.start(image, start.box),
            frame=first,
            size=image_size(image),
            result=TrackResult(start.box, 1.0, State.TRACKED),
            last_seen=first.stamp,
            motion=BoxFilter(settings.smoothing),
        )
        target.record(first, image, target.result)
        searched = catch_up([target], later, engine.tracker, settings.catch_up_seconds)
        target.ends = time.monotonic() + seconds if seconds else None
        self._targets[target.id] = target
        return Started(target, start.box, _start_message(target, start, searched, len(later)))

    def _check(self, request: StartTracking.Request, max_targets: int) -> None:
        name = request.target_id
        if len(name) > MAX_NAME_LENGTH:
            raise RefusedError(f"target_id has {len(name)} characters: at most {MAX_NAME_LENGTH}")
        if not name.isprintable():
            raise RefusedError("target_id has characters that cannot be printed")
        if name not in self._targets and len(self) >= max_targets:
            raise RefusedError(
                f"{len(self)} targets are tracked already, as many as max_targets allows: "
                "stop one first"
            )

    def _new_id(self) -> str:
        while True:
            self._named += 1
            if str(self._named) not in self._targets:
                return str(self._named)

    def stop(self, request: StopTracking.Request) -> list[str]:
        """Remove one target, or all, and return the ids.

        Raises:
            RefusedError: There is no such target.
        """
        if not request.target_id:
            stopped = list(self._targets)
            self._targets.clear()
            return stopped
        if request.target_id not in self._targets:
            known = ", ".join(self._targets) or "none"
            wanted = abridge(request.target_id)
            raise RefusedError(f"there is no target '{wanted}', only: {known}")
        del self._targets[request.target_id]
        return [request.target_id]

    def search_in(self, frame: Frame) -> FrameSearch:
        """Decode a camera's newest frame if there are targets to search in it.

        A target that was started on this frame or on a newer one is not searched in it. Targets
        are adapted to an image of another size than the last one.

        Raises:
            UndecodableError: A compressed image is damaged inside.
        """
        targets = [
            target
            for target in self
            if target.frame.camera == frame.camera and target.frame.arrived < frame.arrived
        ]
        if not targets:
            return FrameSearch(frame, [], None, {})
        image = frame.image()
        warnings = {f"{t.id} size": change for t in targets if (change := t.fit_to(image))}
        if frame.decoder.warning:
            warnings["range"] = frame.decoder.warning
        return FrameSearch(frame, targets, image, warnings)

    def remove_ended(self, now: float, give_up_seconds: float) -> dict[str, str]:
        """Remove the targets whose duration has passed, and those that were lost for too long.

        Args:
            now: Time of the steady clock, in seconds.
            give_up_seconds: How long a target may be lost; 0: for any time.

        Returns:
            Why each of them was removed, by the target's id.
        """
        removed = {}
        for target in self:
            if target.ends is not None and target.ends <= now:
                removed[target.id] = "was tracked for as long as was asked"
            elif (
                give_up_seconds
                and target.lost_since is not None
                and now - target.lost_since > give_up_seconds
            ):
                removed[target.id] = f"was lost for {give_up_seconds:g} s"
        for name in removed:
            del self._targets[name]
        return removed

    def apply(self, settings: Settings) -> None:
        """Use changed thresholds and smoothing for all targets from now on."""
        for target in self:
            target.model.presence.thresholds = settings.thresholds()
            target.motion.time_constant = settings.smoothing


def _start_message(target: TrackedTarget, start: StartBox, searched: int, newer: int) -> str:
    parts = [f"tracking target {target.id} on camera {target.frame.camera}", start.note]
    if newer:
        parts.append(f"{searched} of {newer} newer images searched")
    if target.result.state is State.LOST:
        parts.append("the target was lost in them")
    return "; ".join(part for part in parts if part)


def seconds_to_track(request: StartTracking.Request) -> float:
    """Return how long a request wants its target tracked, in seconds; 0: until it is stopped.

    Raises:
        RefusedError: The duration is negative.
    """
    seconds = nanoseconds(request.duration) * 1e-9
    if seconds < 0:
        raise RefusedError(
            f"duration is {seconds:g} s: it must be at least 0, which tracks until the target is "
            "stopped"
        )
    return seconds


def catch_up(
    targets: Sequence[TrackedTarget],
    frames: Sequence[Frame],
    tracker: MultiTracker[Any],
    seconds: float,
) -> int:
    """Find targets in newer frames, up to the last one.

    Args:
        targets: Targets of one camera, all of them known in the frame before the first.
        frames: Frames of that camera, oldest first.
        tracker: The tracker.
        seconds: How long it may take, about. Frames are skipped evenly if necessary.

    Returns:
        How many frames were searched.
    """

    def search(frame: Frame) -> None:
        with contextlib.suppress(UndecodableError):
            image = frame.image()
            for target in targets:
                target.fit_to(image)
            results = tracker.update(image, [target.model for target in targets])
            for target, result in zip(targets, results, strict=True):
                target.record(frame, image, result)

    return search_some(frames, search, seconds)


def search_some(
    frames: Sequence[Frame],
    search: Callable[[Frame], None],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Search frames up to the last; skip some, evenly, if there is no time for all of them.

    The first frame is always searched, and shows how many more there is time for. So is the last.

    Args:
        frames: Frames, oldest first.
        search: Called with each frame that is searched.
        seconds: How long it may take, about.
        clock: Returns the time in seconds.

    Returns:
        How many frames were searched.
    """
    begin = clock()
    done = 0
    index = -1
    while index < len(frames) - 1:
        left = len(frames) - 1 - index
        used = clock() - begin
        affordable = left if done == 0 or used <= 0 else int((seconds - used) * done / used)
        index += math.ceil(left / max(affordable, 1))
        search(frames[index])
        done += 1
    return done
