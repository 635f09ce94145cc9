"""Run a tracker node for a long time and measure whether it grows.

Starts the node and a camera that shows the shipped video forth and back. Meanwhile targets are
started and stopped all the time, and now and then the node is deactivated, cleaned up and
configured again. Its memory, threads and open files are sampled each second; after the warm-up
none of them may rise.
"""

import argparse
import itertools
import json
import math
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from ament_index_python.packages import get_package_share_directory
from tqdm import tqdm

from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import ModuleProcess, TrackerProcess, isolate
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement.camera import camera_process
from siamdw_ros.measurement.growth import (
    LIMITS,
    Growth,
    Sample,
    draw,
    growths,
    processed,
    take_sample,
    write_csv,
)
from siamdw_ros.siamdw.crops import Box

BOX: Box = (306.0, 124.0, 108.0, 260.0)  # the cup, on the first frame of the clip that is shipped


@dataclass
class Soak:
    """A soak while it runs: samples of the process, and counts of requests."""

    tracker: TrackerProcess
    robot: Robot
    camera: ModuleProcess
    samples: list[Sample] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)  # seconds
    refused: int = 0
    restarts: int = 0

    def start_and_stop(self, number: int) -> None:
        """Start one more target; every fourth time stop all of them."""
        begin = time.monotonic()
        answer = self.robot.start(BOX, f"target {number % 4}")
        self.answers.append(time.monotonic() - begin)
        self.refused += not answer.success
        if number % 4 == 3:
            begin = time.monotonic()
            self.robot.stop()
            self.answers.append(time.monotonic() - begin)

    def restart(self) -> None:
        """Deactivate, clean up, configure and activate the node; its process stays."""
        self.robot.bring_to("unconfigured")
        self.robot.bring_to("active")
        self.restarts += 1
        newest = self.robot.now()
        self.robot.wait(
            lambda: self.robot.statuses and self.robot.statuses[-1].stamp > newest,
            "images after the node was configured again",
        )

    def run(self, options: argparse.Namespace) -> None:
        """Run for as long as is wanted; Ctrl-C ends it earlier.

        Raises:
            RobotError: the node ended, or stopped answering.
        """
        begin = time.monotonic()
        seconds = 60.0 * options.minutes
        next_restart = begin + (options.restart_every or math.inf)
        with tqdm(total=round(seconds), unit="s", desc="soak", mininterval=1.0) as bar:
            for number in itertools.count():
                due = begin + number * options.start_every
                while (now := time.monotonic()) < due or not self.samples:
                    self._sample(begin)
                    bar.update(min(round(now - begin), round(seconds)) - bar.n)
                    time.sleep(min(1.0, max(due - now, 0.0)))
                if now - begin > seconds:
                    return
                self.start_and_stop(number)
                if now > next_restart:
                    self.restart()
                    next_restart += options.restart_every

    def _sample(self, begin: float) -> None:
        if not self.tracker.alive:
            raise RobotError(f"the node ended, see {self.tracker.log}")
        if not self.camera.alive:
            raise RobotError("the camera ended")
        status = self.robot.statuses[-1].message if self.robot.statuses else None
        self.samples.append(
            take_sample(self.tracker.process.pid, time.monotonic() - begin, status)
        )


def summarise(soak: Soak, found: list[Growth]) -> dict[str, Any]:
    """Return the figures."""
    last = soak.samples[-1]
    return {
        "minutes": round(last.seconds / 60, 1),
        "starts and stops": len(soak.answers),
        "refused": soak.refused,
        "configured anew": soak.restarts,
        "images processed": processed(soak.samples),
        "answer_s": {
            "median": round(statistics.median(soak.answers), 3),
            "worst": round(max(soak.answers), 3),
        },
        "growth": [one.summary() for one in found],
        "flat": all(one.flat for one in found),
    }


def tables(summary: dict[str, Any]) -> list[Table]:
    """Lay the figures out."""
    requests = {
        "minutes": summary["minutes"],
        "starts and stops": summary["starts and stops"],
        "refused": summary["refused"],
        "configured again": summary["configured anew"],
        "answer median s": summary["answer_s"]["median"],
        "answer worst s": summary["answer_s"]["worst"],
    }
    growth = [
        {key: one[key] for key in ("what", "unit", "median", "rise", "limit", "flat")}
        for one in summary["growth"]
    ]
    return [Table("Requests", [requests]), Table("Growth after the warm-up", growth)]


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--rate", type=float, default=10.0, help="images per second (default: 10)")
    parser.add_argument(
        "--start-every", type=float, default=2.0, metavar="S", help="seconds (default: 2)"
    )
    parser.add_argument(
        "--restart-every",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds from one deactivate, cleanup, configure and activate to the next "
        "(default: 60; 0: never)",
    )
    parser.add_argument("--threads", type=int, default=0, help="of inference (default: torch's)")
    parser.add_argument("--device", default="auto", help="of the node (default: auto)")
    parser.add_argument("--out", type=Path, default=Path("soak_out"), help="default: soak_out")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when nothing rises."""
    options = parse_arguments(arguments)
    isolate()
    options.out.mkdir(parents=True, exist_ok=True)
    clip = Path(get_package_share_directory("siamdw_ros"), "clips", "cup.mp4")
    parameters = {"device": options.device, "threads": options.threads}
    rclpy.init()
    try:
        with (
            TrackerProcess(options.out / "node.log", parameters=parameters) as tracker,
            Robot() as robot,
            camera_process(clip, options.out / "sent.csv", rate=options.rate) as camera,
        ):
            robot.trigger("/benchmark_camera/play")
            robot.wait_until_active()
            robot.wait(lambda: robot.statuses, "the node's first status")
            soak = Soak(tracker, robot, camera)
            try:
                soak.run(options)
            except KeyboardInterrupt:
                print("soak: interrupted, these are the figures so far", file=sys.stderr)
            except RobotError as error:
                report(soak, options.out)
                raise error
    except RobotError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    finally:
        rclpy.try_shutdown()
    return report(soak, options.out)


def report(soak: Soak, out: Path) -> int:
    """Write and print the figures; 0 when nothing rises."""
    write_csv(soak.samples, out / "soak.csv")
    found = growths(soak.samples)
    summary = summarise(soak, found)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    for table in tables(summary):
        print(table.text())
    print(f"\nevery sample: {out}/soak.csv{draw(soak.samples, found, out / 'soak.png')}")
    if not summary["flat"]:
        print(f"soak: the node grows beyond the limits: {LIMITS}", file=sys.stderr)
    return 0 if summary["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
