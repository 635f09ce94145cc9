"""A run through a video: frames in, boxes drawn or given, files out."""

import argparse
import contextlib
import itertools
import queue
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from builtin_interfaces.msg import Time
from tqdm import tqdm

from siamdw_ros.evaluation.clip_reader import (
    ReadAhead,
    TimedFrame,
    frame_count,
    frame_rate,
    is_live,
    silence_opencv,
)
from siamdw_ros.node.decoding import ImageDecoder, ImageMessage, image_message
from siamdw_ros.recordings.outputs import Outputs
from siamdw_ros.recordings.run import Run, open_window, pick, warn
from siamdw_ros.recordings.settings import settings_of
from siamdw_ros.recordings.starts import by_frame, first_frame, starts_of
from siamdw_ros.recordings.tracking import Tracking

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
        rate: Frames per second of a folder, and of a video without times.

    Raises:
        OSError: There is no such frame, or none arrives.
    """
    reader = ReadAhead(source, rate=rate)
    try:
        index = -1
        while (frame := _take(reader, source)) is not None:
            index += 1
            if index >= first:
                yield _video_frame(index, frame)
    finally:
        reader.close()
    if index < first:
        raise OSError(
            f"{source}: frame {first} was asked for, but it has only {index + 1}"
            if first
            else f"{source}: no frame in it that OpenCV can read"
        )


def _take(reader: ReadAhead, source: str) -> TimedFrame | None:
    try:
        return reader.take(PATIENCE)
    except queue.Empty:
        raise TimeoutError(f"{source}: no frame within {PATIENCE:g} s") from None


def _video_frame(index: int, frame: TimedFrame) -> VideoFrame:
    message = image_message(frame.image)
    nanoseconds = round(frame.seconds * 1e9)
    message.header.stamp = Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
    return VideoFrame(index, message, frame.seconds)


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
        stack.callback(outputs.print_summary, options.source)
        # Before a live source is opened: its frames do not wait for the network.
        tracking = Tracking(settings, warn, options.source) if live else None
        first = first_frame(starts, options.start)
        frames = video_frames(options.source, first, rate)
        stack.callback(frames.close)
        shown = next(frames)
        window = None if options.headless else open_window(options.source, stack)
        if not (starts or (live and window)):  # a live video is not stopped to draw on it
            image = ImageDecoder().image(shown.message, shown.seconds)
            starts = pick(image, window, options.port)
        requests = by_frame(starts, first)
        tracking = tracking or Tracking(settings, warn, options.source)
        run = Run(tracking, outputs, window)
        total = max(frame_count(options.source) - first, 0)
        progress = stack.enter_context(
            tqdm(total=total or None, unit="frame", disable=not sys.stderr.isatty())
        )
        for frame in itertools.chain([shown], frames):
            checked = tracking.frame(frame.message, frame.seconds)
            if checked:
                run.step(frame.index, checked, requests.pop(frame.index, []))
            progress.update()
            if window and window.closed:
                return
        if requests:
            raise ValueError(
                f"{options.source}: it ended before frame {min(requests)}, where a target starts"
            )
