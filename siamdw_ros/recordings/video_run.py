"""A run through a video: frames in, boxes drawn or given, files out."""

import argparse
import contextlib
import itertools
import queue
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builtin_interfaces.msg import Time
from siamdw_msgs.srv import StartTracking
from tqdm import tqdm

from siamdw_ros.evaluation.clip_reader import (
    Frame,
    ReadAhead,
    frame_count,
    frame_rate,
    is_live,
    silence_opencv,
)
from siamdw_ros.node.decoding import ImageDecoder, ImageMessage, image_message
from siamdw_ros.recordings.outputs import Outputs, annotated
from siamdw_ros.recordings.picking import pick_in_browser
from siamdw_ros.recordings.settings import settings_of
from siamdw_ros.recordings.starts import Start, by_frame, starts_of
from siamdw_ros.recordings.tracking import RefusedError, Tracking
from siamdw_ros.recordings.window import NoWindowError, Window

PATIENCE = 30.0  # seconds until the next frame; a network stream may take its time to open


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a video.

    Attributes:
        index: Its index, from 0.
        message: Its image.
        seconds: When it was taken.
    """

    index: int
    message: ImageMessage
    seconds: float


def video_frames(source: str, first: int, rate: float) -> Generator[VideoFrame, None, None]:
    """Yield the frames of a video from an index on.

    The stamps of a file begin at 0; those of a live source are the time of this machine.

    Args:
        source: See :func:`siamdw_ros.evaluation.clip_reader.read_frames`.
        first: Index of the first frame.
        rate: Frames per second of a file or folder.

    Raises:
        OSError: There is no such frame, or none arrives.
    """
    live = is_live(source)
    reader = ReadAhead(source)
    try:
        index = -1
        while (frame := _take(reader, source)) is not None:
            index += 1
            if index >= first:
                yield _video_frame(index, frame, time.time() if live else index / rate)
    finally:
        reader.close()
    if index < first:
        raise OSError(
            f"{source}: frame {first} was asked for, but it has only {index + 1}"
            if first
            else f"{source}: no frame in it that OpenCV can read"
        )


def _take(reader: ReadAhead, source: str) -> Frame | None:
    try:
        return reader.take(PATIENCE)
    except queue.Empty:
        raise TimeoutError(f"{source}: no frame within {PATIENCE:g} s") from None


def _video_frame(index: int, frame: Frame, seconds: float) -> VideoFrame:
    message = image_message(frame)
    nanoseconds = round(seconds * 1e9)
    message.header.stamp = Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
    return VideoFrame(index, message, seconds)


def track_video(options: argparse.Namespace, boxes: Path | None, video: Path | None) -> None:
    """Track targets through a video and write what was found.

    Args:
        options: Of the command line.
        boxes: Of the CSV; None: none.
        video: Of the annotated video; None: none.

    Raises:
        OSError, ValueError, RuntimeError: Something that was asked for cannot be; the message is
            one line for the user.
    """
    silence_opencv()
    settings = settings_of(options)
    starts = starts_of(options)
    rate = options.rate or frame_rate(options.source)
    live = is_live(options.source)
    with contextlib.ExitStack() as stack:
        outputs = stack.enter_context(Outputs(boxes, video, rate))
        stack.callback(_summarise, outputs, options.source, boxes, video)
        # Before a live source is opened: its frames do not wait for the network.
        tracking = Tracking(settings, _warn, options.source) if live else None
        first = _first(starts, options.start)
        frames = video_frames(options.source, first, rate)
        stack.callback(frames.close)
        shown = next(frames)
        window = None if options.headless else _window(options, stack)
        if not (starts or (live and window)):  # a live video is not stopped to draw on it
            starts = _pick(shown, window, options.port)
        requests = by_frame(starts, first)
        tracking = tracking or Tracking(settings, _warn, options.source)
        total = max(frame_count(options.source) - first, 0)
        progress = stack.enter_context(
            tqdm(total=total or None, unit="frame", disable=not sys.stderr.isatty())
        )
        for frame in itertools.chain([shown], frames):
            step(frame, tracking, requests.pop(frame.index, []), window, outputs)
            progress.update()
            if window and window.closed:
                return
        if requests:
            raise ValueError(
                f"{options.source}: it ended before frame {min(requests)}, where a target starts"
            )


def _first(starts: Sequence[Start], given: int) -> int:
    """Return the index of the first frame to track, which boxes without a frame are drawn on."""
    if not starts or any(start.frame is None for start in starts):
        return given
    return min(start.frame for start in starts if start.frame is not None)


def step(
    frame: VideoFrame,
    tracking: Tracking,
    requests: list[StartTracking.Request],
    window: Window | None,
    outputs: Outputs,
) -> None:
    """Track the targets through one frame, show it, and write what was found.

    Args:
        frame: The frame.
        tracking: The tracker.
        requests: Targets to start on it.
        window: Where it is shown; what the user draws there is started as well.
        outputs: Where it is written.

    Raises:
        RefusedError: A target cannot be started. One that was drawn only causes a warning.
    """
    checked = tracking.frame(frame.message, frame.seconds)
    result = tracking.process(checked, requests) if checked else None
    if checked is None or result is None:
        return
    drawn = None
    if window:
        drawn = annotated(result, frame.index)
        for box in window.show(drawn):
            try:
                result = tracking.process(checked, [Start("", box).request()]) or result
            except RefusedError as reason:
                _warn(str(reason))
            drawn = annotated(result, frame.index)
    outputs.add(frame.index, result, drawn)


def _window(options: argparse.Namespace, stack: contextlib.ExitStack) -> Window | None:
    try:
        window = Window(options.source)
    except NoWindowError as reason:
        print(f"No window: {reason}", file=sys.stderr)
        return None
    stack.callback(window.close)
    return window


def _pick(frame: VideoFrame, window: Window | None, port: int) -> list[Start]:
    """Let the user draw the targets.

    Raises:
        ValueError: There is no user, or nothing was drawn.
    """
    image = ImageDecoder().image(frame.message, frame.seconds)
    if window:
        starts = [Start("", box) for box in window.pick(image)]
    elif sys.stdin.isatty():
        starts = pick_in_browser(image, port)
    else:
        starts = []
    if not starts:
        raise ValueError("no target: give --box X,Y,W,H, --point X,Y or --boxes CSV, or draw one")
    return starts


def _warn(text: str) -> None:
    tqdm.write(f"warning: {text}", file=sys.stderr)


def _summarise(outputs: Outputs, source: str, boxes: Path | None, video: Path | None) -> None:
    if not outputs.totals.frames:
        return
    print(outputs.totals.table(source).text())
    written = [str(path) for path in (video, boxes) if path and path.exists()]
    if written:
        print(f"  written: {', '.join(written)}")
