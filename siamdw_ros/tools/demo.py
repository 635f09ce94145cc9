"""Track an object through a real video, over ROS, and show how well it went.

Starts the tracker node and a camera that plays the video at its own frame rate, each as a process
of its own, starts tracking what the first annotated box holds, and compares the detections with
the annotation. Needs no screen.
"""

import argparse
import csv
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from ament_index_python.packages import get_package_share_directory
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.evaluation.annotations import read_annotation
from siamdw_ros.evaluation.clip_reader import frame_rate, read_clip
from siamdw_ros.evaluation.drawing import Annotated, contact_sheet, spread, write_video
from siamdw_ros.evaluation.metrics import overlap, success_rate
from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import isolate
from siamdw_ros.evaluation.playback import ImageResult, play_to_node
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.tools.command_line import called_as

HELD_IOU = 0.6  # what the demo asks of itself

Truth = list[Box | None]  # of each frame; None where the target is absent


@dataclass(frozen=True)
class Line:
    """One frame of the video that the node processed; no iou where the target is absent."""

    frame: int
    stamp: int
    box: Box | None
    iou: float | None
    latency_ms: float


def read_truth(annotation: Path) -> tuple[Truth, Box]:
    """Read the annotation, and the box to start from.

    Raises:
        ValueError: the file is no annotation, or its first frame has no box.
    """
    boxes = read_annotation(annotation)
    truth = [box if np.isfinite(box).all() else None for box in boxes]
    if (start := truth[0]) is None:
        raise ValueError(f"{annotation}: the first frame needs a box to start from")
    return truth, start


def compare(
    results: dict[int, ImageResult], sent: list[tuple[int, int]], truth: Truth
) -> list[Line]:
    """Match results with the frames that were sent, by stamp.

    Raises:
        RobotError: a result has a stamp that no image had, or none is of a frame with the target.
    """
    if unknown := results.keys() - {stamp for _, stamp in sent}:
        raise RobotError(f"{len(unknown)} detections carry stamps that no image had")
    lines = []
    for frame, stamp in sent:
        if frame >= 0 and stamp in results:
            result = results[stamp]
            box = result.boxes[0] if result.boxes else None
            lines.append(
                Line(frame, stamp, box, _iou(box, truth[frame]), (result.arrived - stamp) * 1e-6)
            )
    if all(line.iou is None for line in lines):
        raise RobotError("the node processed no frame of the video in which the target is visible")
    return lines


def _iou(box: Box | None, truth: Box | None) -> float | None:
    if truth is None:
        return None
    return float(overlap(box, truth)) if box else 0.0


def summarise(lines: list[Line], sent: int, status: TrackerStatus) -> dict[str, Any]:
    """Return the figures."""
    overlaps = [line.iou for line in lines if line.iou is not None]
    p50, p95, p99 = np.percentile([line.latency_ms for line in lines], (50, 95, 99)).round(1)
    return {
        "mean_iou": round(float(np.mean(overlaps)), 4),
        "success_rate": round(success_rate(overlaps), 4),
        "last_iou": round(overlaps[-1], 4),
        "sent": sent,
        "received": status.received,
        "processed": status.processed,
        "dropped": status.dropped,
        "rejected": status.rejected,
        "compared": len(overlaps),
        "without_box": sum(line.box is None for line in lines),
        "latency_ms": {"p50": float(p50), "p95": float(p95), "p99": float(p99)},
        "inference_ms": round(status.inference_ms, 1),
        "model": status.model,
        "device": status.device,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def write_images(clip: Path, lines: list[Line], truth: Truth, out: Path) -> None:
    """Write tracked.mp4, all frames, and contact_sheet.png, processed ones."""
    by_frame = {line.frame: line for line in lines}
    of_sheet = set(spread(list(by_frame)))
    sheet: list[Annotated] = []

    def annotated() -> Iterator[Annotated]:
        last = lines[0]
        for index, image in enumerate(read_clip(clip)):
            line = by_frame.get(index)
            if line is None:  # dropped: the robot knows the box of the frame before
                yield Annotated(image, f"{index}  (skipped)", truth[index], last.box, False)
                continue
            last = line
            if line.iou is None:
                caption = f"{index}  absent"
            else:
                caption = f"{index}  IoU {line.iou:.2f}" if line.box else f"{index}  not visible"
            frame = Annotated(image, caption, truth[index], line.box)
            if index in of_sheet:
                sheet.append(frame)
            yield frame

    write_video(annotated(), out / "tracked.mp4", frame_rate(clip))
    cv2.imwrite(str(out / "contact_sheet.png"), contact_sheet(sheet))


def write_boxes(lines: list[Line], path: Path) -> None:
    """Write one row per processed frame."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "stamp_ns", "x", "y", "w", "h", "iou", "latency_ms"])
        for line in lines:
            box = [f"{value:.2f}" for value in line.box] if line.box else [""] * 4
            iou = "" if line.iou is None else f"{line.iou:.4f}"
            writer.writerow([line.frame, line.stamp, *box, iou, f"{line.latency_ms:.2f}"])


def table(summary: dict[str, Any]) -> Table:
    """Lay the figures out for the terminal."""
    latency = summary["latency_ms"]
    figures = {
        "frames sent / received": f"{summary['sent']} / {summary['received']}",
        "processed / dropped": f"{summary['processed']} / {summary['dropped']}",
        "latency p50 / p95 / p99": " / ".join(f"{v:.0f}" for v in latency.values()) + " ms",
        "mean IoU": f"{summary['mean_iou']:.3f} over {summary['compared']} frames",
        "success rate (IoU > 0.5)": f"{summary['success_rate']:.3f}",
        "network": f"{summary['model']} on {summary['device']}, {summary['machine']}",
    }
    rows: list[dict[str, Cell]] = [{"figure": k, "value": v} for k, v in figures.items()]
    return Table("Demo", rows)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("demo"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clip", type=Path, help="video (default: the one that is shipped)")
    parser.add_argument("--truth", type=Path, help="annotation (default: the CSV beside the clip)")
    parser.add_argument("--out", type=Path, default=Path("demo_out"), help="default: demo_out")
    parser.add_argument(
        "node_arguments",
        nargs="*",
        metavar="-- NODE_ARGUMENT",
        help="for the node, as: -- --ros-args -p device:=cuda",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the target was held."""
    options = parse_arguments(arguments)
    clip = options.clip or Path(get_package_share_directory("siamdw_ros"), "clips", "cup.mp4")
    annotation = options.truth or clip.with_suffix(".csv")
    for file in (clip, annotation):
        if not file.is_file():
            print(f"demo: {file}: no such file", file=sys.stderr)
            return 2
    try:
        truth, start = read_truth(annotation)
        options.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    isolate()
    rclpy.init()
    try:
        log = options.out / "sent.csv"
        played = play_to_node(clip, start, log, options.node_arguments)
        lines = compare(played.results, played.sent, truth)
        summary = summarise(lines, len(played.sent), played.status)
        write_boxes(lines, options.out / "boxes.csv")
        (options.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        write_images(clip, lines, truth, options.out)
    except RobotError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        rclpy.try_shutdown()
    print(f"{table(summary).text()}\n\n  video, contact sheet and boxes: {options.out}/")
    if summary["mean_iou"] < HELD_IOU or summary["last_iou"] <= 0:
        print("demo: the target was lost", file=sys.stderr)
        return 1
    print("  to point at a target yourself: make panel, then open http://127.0.0.1:8090")
    return 0


if __name__ == "__main__":
    sys.exit(main())
