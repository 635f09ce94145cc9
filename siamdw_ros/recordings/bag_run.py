"""A run through a bag: images in by their stamps, detections and status out."""

import argparse
import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.serialization import deserialize_message
from tqdm import tqdm

from siamdw_ros.evaluation.clip_reader import DEFAULT_RATE
from siamdw_ros.node import messages
from siamdw_ros.node.decoding import TRANSPORTS, Transport
from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.publishers import jpeg_message
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.settings import Settings
from siamdw_ros.recordings.bag_reader import Bag, BagError, Record, Topic, open_bag
from siamdw_ros.recordings.outputs import Outputs, annotated
from siamdw_ros.recordings.pace import Arrival, Done, as_a_robot, every_frame, in_stamp_order
from siamdw_ros.recordings.run import Run, open_window, pick, warn
from siamdw_ros.recordings.settings import settings_of
from siamdw_ros.recordings.starts import Start, by_frame, first_frame, starts_of
from siamdw_ros.recordings.tracking import Tracking
from siamdw_ros.ros.conversions import nanoseconds

if TYPE_CHECKING:  # needs rosbags
    from siamdw_ros.recordings.bag_writer import BagWriter


def track_bag(options: argparse.Namespace) -> None:
    """Track targets through the images of a bag and write what was found.

    Args:
        options: Of the command line; `out`, `csv` and `video` are None for what is not written.

    Raises:
        OSError, ValueError, RuntimeError: Something that was asked for cannot be; the message is
            one line for the user.
    """
    settings = settings_of(options)
    starts = starts_of(options)
    with open_bag(options.bag) as bag:
        if bag.damage:
            warn(f"{options.bag}: {bag.damage}: what can be read is tracked")
        damage = bag.damage
        topic = image_topic(bag, options.topic)
        with contextlib.ExitStack() as stack:
            BagRun(options, bag, topic, settings, stack).track(starts)
        if bag.damage != damage:
            warn(f"{options.bag}: reading ended early: {bag.damage}")


def image_topic(bag: Bag, wanted: str | None) -> Topic:
    """Return the topic of the images.

    Raises:
        BagError: There is no such topic, or it is not clear which.
    """
    from siamdw_ros.recordings.bag_types import IMAGE_TYPES, check_image_type

    topics = [topic for topic, count in bag.counts.items() if count]
    images = [topic for topic in topics if topic.type in IMAGE_TYPES]
    names = ", ".join(sorted(topic.name for topic in images))
    if wanted:
        found = [topic for topic in topics if topic.name.strip("/") == wanted.strip("/")]
        if not found:
            hint = f"those with images are {names}" if names else "it has no images"
            raise BagError(f"{bag.path}: no message on topic {wanted}: {hint}")
    else:
        found = images
        if not found:
            others = ", ".join(sorted({f"{t.name} ({t.type})" for t in topics})) or "nothing"
            raise BagError(f"{bag.path}: no images in it, only {others}")
    if len(found) > 1:
        several = "types" if wanted else "image topics"
        what = ", ".join(sorted(t.type if wanted else t.name for t in found))
        raise BagError(f"{bag.path}: several {several}: {what}: choose one with --topic")
    check_image_type(found[0], bag.distribution)
    return found[0]


class BagRun:
    """One run.

    Args:
        options: Of the command line.
        bag: The bag.
        topic: Topic of the images.
        settings: The node's parameters.
        stack: Finishes what is opened.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        bag: Bag,
        topic: Topic,
        settings: Settings,
        stack: contextlib.ExitStack,
    ) -> None:
        transport = TRANSPORTS["compressed" if topic.type.endswith("CompressedImage") else "raw"]
        rate = options.rate or (bag.rate(topic) if options.video else None) or DEFAULT_RATE
        self._options = options
        self._bag = bag
        self._topic = topic
        self._transport: Transport = transport
        self._stack = stack
        self._begin: int | None = None
        self._outputs = stack.enter_context(Outputs(options.csv, options.video, rate))
        self._tracking = Tracking(settings, warn, topic.name, transport)
        self._writer = self._open_writer()
        self._progress = stack.enter_context(
            tqdm(total=bag.counts[topic], unit="image", disable=not sys.stderr.isatty())
        )

    def _open_writer(self) -> "BagWriter | None":
        path: Path | None = self._options.out
        if path is None:
            return None
        from siamdw_ros.recordings.bag_writer import BagWriter

        topics = [topic for topic, count in self._bag.counts.items() if count]
        writer = BagWriter(path, [] if self._options.results_only else topics, warn)
        self._stack.callback(self._finish, writer, path)
        return writer

    def _finish(self, writer: "BagWriter", path: Path) -> None:
        """Write the index; delete the new bag if nothing was tracked, so that a retry can be."""
        writer.close()
        if not self._outputs.totals.frames:
            shutil.rmtree(path)

    def track(self, starts: Sequence[Start]) -> None:
        """Track to the end of the bag, or until the window is closed.

        Raises:
            ValueError: A target cannot be started, or the bag ends before.
        """
        options = self._options
        window = None if options.headless else open_window(str(options.bag), self._stack)
        first = first_frame(starts, options.start)
        frames = in_stamp_order(self._frames())
        frames_left = enumerate(frames)
        index, frame = next(((i, f) for i, f in frames_left if i >= first), (0, None))
        if frame is None:
            raise BagError(f"{options.bag}: image {first} was asked for, but it has fewer")
        if not starts:
            starts = pick(frame.image(), window, options.port)
        requests = by_frame(starts, first)
        run = Run(self._tracking, self._outputs, window)

        def process(arrival: Arrival) -> FrameResult | None:
            return run.step(arrival.index, arrival.frame, arrival.requests)

        def arrivals() -> Iterator[Arrival]:
            yield Arrival(index, frame, requests.pop(index, ()))
            for number, later in frames_left:
                yield Arrival(number, later, requests.pop(number, ()))

        paced = (
            as_a_robot(arrivals(), process, self._drop)
            if options.realtime
            else every_frame(arrivals(), process)
        )
        written = [options.out] if options.out else []
        self._stack.callback(self._outputs.print_summary, str(options.bag), *written)
        for done in paced:
            self._write(done)
            if run.ended:
                return
        if requests:
            raise BagError(
                f"{options.bag}: it ended before image {min(requests)}, where a target starts"
            )

    def _frames(self) -> Iterator[Frame]:
        """Yield the images that pass the node's check; copy all messages to the new bag."""
        for record in self._bag.records():
            if self._writer:
                self._writer.copy(record)
            if record.topic == self._topic:
                self._progress.update()
                if frame := self._frame(record):
                    yield frame

    def _frame(self, record: Record) -> Frame | None:
        try:
            message = deserialize_message(record.data, self._transport.message)
        except Exception as error:  # of the middleware, which has no class of its own for it
            self._tracking.received.rejected += 1
            warn(f"message at {record.time * 1e-9:.3f} s rejected: no image in it: {error}")
            return None
        return self._tracking.frame(message, self._seconds(record.time))

    def _seconds(self, time: int) -> float:
        """Return a time of recording in seconds since the first image.

        Since 1970 they would not be exact: a float has steps of 238 ns there.
        """
        if self._begin is None:
            self._begin = time
        return (time - self._begin) * 1e-9

    def _drop(self) -> None:
        self._tracking.received.dropped += 1
        self._outputs.repeat()

    def _write(self, done: Done) -> None:
        """Write results as the node publishes them."""
        if self._writer is None:
            return
        result, tracking = done.result, self._tracking
        time = (self._begin or 0) + round(done.published * 1e9)
        found = messages.detections(result)
        if found.detections and found.detections[0].id == result.targets[0].id:
            self._writer.write("detection", found.detections[0], time)
        self._writer.write("detections", found, time)
        processed = tracking.processed
        age = (time - nanoseconds(result.frame.stamp)) * 1e-9
        latency = processed.count_latency(done.published, age)
        status = messages.status(
            result, tracking.received, processed, tracking.device, done.published, latency
        )
        self._writer.write("status", status, time)
        if self._options.images:
            image = jpeg_message(annotated(result, done.index))
            image.header = result.frame.message.header
            self._writer.write("debug_image/compressed", image, time)
