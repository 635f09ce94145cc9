"""Evaluation through the node: frames over DDS at the camera's rate, late boxes count against it.

As in streaming perception (Li et al., ECCV 2020, section 3): when a frame is taken, the newest box
that has arrived by then is compared with where the target is now. Inference, transport and
dropped frames all count.
"""

import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import rclpy

from siamdw_ros.evaluation.frames import VideoFrames
from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import isolate
from siamdw_ros.evaluation.one_pass import Run, width_height
from siamdw_ros.evaluation.playback import ImageResult, play_to_node
from siamdw_ros.evaluation.runner import Job
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.evaluation.trackers import SiamDW
from siamdw_ros.node.settings import PARAMETERS
from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.crops import Box


def run_through_node(jobs: Sequence[Job], rate: float | None) -> Iterator[str | None]:
    """Run one-pass jobs, one after the other; yield for each None, else what went wrong.

    Args:
        jobs: of SiamDW; the node has no other trackers.
        rate: frames per second; None: the video's own, or 30.
    """
    isolate()
    if starts := not rclpy.ok():
        rclpy.init()
    try:
        for job in jobs:
            try:
                _run(job, rate)
            except (RobotError, ValueError, OSError) as error:
                yield f"{job} through the node: {error}"
            else:
                yield None
    finally:
        if starts:
            rclpy.try_shutdown()


def _run(job: Job, rate: float | None) -> None:
    if not isinstance(job.spec, SiamDW) or job.protocol != "one-pass":
        raise ValueError("the node runs siamdw, one pass, only")
    sequence = job.sequence
    with tempfile.TemporaryDirectory() as folder:
        clip, log = _playable(sequence, Path(folder) / "frames"), Path(folder) / "sent.csv"
        played = play_to_node(clip, sequence.start, log, node_arguments(job.spec), rate)
    size = width_height(next(sequence.images()))
    _write_times(_times_file(job), played.sent, played.results)
    job.folder.write_run(sequence, newest_boxes(played.sent, played.results, sequence.start, size))


def _playable(sequence: AnnotatedSequence, folder: Path) -> Path:
    """The video itself, or the frames as files in their order."""
    if isinstance(sequence.frames, VideoFrames) and sequence.step == 1:
        return sequence.frames.path
    folder.mkdir()
    for i, image in enumerate(sequence.images()):
        fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
        cv2.imwrite(str(folder / f"{i:06d}.png"), image, fast)
    return folder


def node_arguments(spec: SiamDW) -> list[str]:
    """Return the arguments with which the node runs this tracker.

    Raises:
        ValueError: it has a setting that the node does not have (ROS would ignore it silently).
    """
    given = {key: getattr(spec, key) for key in ("model", "checkpoint", "device", "preset")}
    given |= {f"tracker.{name}": value for name, value in spec.overrides.items()}
    if unknown := given.keys() - {parameter.name for parameter in PARAMETERS}:
        raise ValueError(f"the node has no parameter {', '.join(sorted(unknown))}")
    parameters = [("-p", f"{name}:={value}") for name, value in given.items() if value is not None]
    return ["--ros-args", *(text for pair in parameters for text in pair)]


def newest_boxes(
    sent: Sequence[tuple[int, int]],
    results: Mapping[int, ImageResult],
    start: Box,
    size: tuple[int, int],
) -> Run:
    """Give each frame of the video the newest box that had arrived when it was taken.

    Args:
        sent: frame (-1: the first one, repeated) and its stamp in nanoseconds.
        results: by the image's stamp.
        start: the given box; it stands until the first one arrives.
        size: width and height of the images.
    """
    boxes, states = [], []
    frames = [(frame, stamp) for frame, stamp in sent if frame >= 0]
    for frame, now in frames:
        known = max((s for s, result in results.items() if result.arrived <= now), default=None)
        found = [start] if known is None or frame == 0 else results[known].boxes
        boxes.append(found[0] if found else (np.nan,) * 4)
        states.append(State.TRACKED if found else State.LOST)
    processed = sum(stamp in results for _, stamp in frames)
    period = (frames[-1][1] - frames[0][1]) * 1e-9 / max(1, processed - 1)
    return Run(np.array(boxes, float), np.full(len(frames), period), np.array(states, int), size)


def _times_file(job: Job) -> Path:
    sequence = job.sequence
    return job.folder.path / "node" / sequence.form / f"{sequence.name}.csv"


def _write_times(
    file: Path, sent: Sequence[tuple[int, int]], results: Mapping[int, ImageResult]
) -> None:
    """Store when each frame was sent, and when its result arrived (empty: never)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["frame", "sent_ns", "arrived_ns"])
        for frame, stamp in sent:
            writer.writerow([frame, stamp, results[stamp].arrived if stamp in results else ""])


def latencies(jobs: Sequence[Job]) -> Table:
    """Lay out how many frames the node processed, and how late its results came."""
    rows: list[dict[str, Cell]] = []
    for job in jobs:
        if not _times_file(job).is_file():
            continue
        with _times_file(job).open(newline="") as file:
            frames = [row for row in csv.DictReader(file) if int(row["frame"]) >= 0]
        done = [r for r in frames if r["arrived_ns"]]
        late = [1e-6 * (int(row["arrived_ns"]) - int(row["sent_ns"])) for row in done] or [np.nan]
        p50, p95 = np.percentile(late, (50, 95)).tolist()
        rows.append(
            {
                "tracker": job.spec.label,
                "sequence": job.sequence.name,
                "frames sent": len(frames),
                "processed": len(done),
                "latency p50 ms": p50,
                "latency p95 ms": p95,
            }
        )
    return Table("Through the node", rows)
