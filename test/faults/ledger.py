"""The ledger of trials and their outcomes: one line of JSON per trial."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.robot import Recovery, Robot

IN_HAND = 2  # images that are neither waiting nor done when a status is written


@dataclass
class Trial:
    """One trial of a fault.

    answer, publish: seconds from the fault's end until a service answered and until a later image
    was reported. kept: whether the target was still followed, None where it cannot be.
    standing: seconds from a fault until the follower's first command of zero.
    """

    fault: str
    answer: float | None = None
    publish: float | None = None
    kept: bool | None = None
    standing: float | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def recovered(self, recovery: Recovery) -> None:
        """Note how long the node took."""
        self.answer, self.publish = recovery.answer, recovery.publish


class Ledger:
    """Every trial of this run, in a file where one is wanted."""

    def __init__(self, folder: Path | None) -> None:
        self.file = folder / "trials.jsonl" if folder else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "machine.json").write_text(json.dumps(machine(), indent=2) + "\n")

    def write(self, trial: Trial) -> None:
        """Add a trial, so that a run that is cut short loses nothing."""
        if self.file:
            with self.file.open("a") as file:
                file.write(json.dumps(asdict(trial)) + "\n")


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "ros": os.environ.get("ROS_DISTRO", ""),
        "python": platform.python_version(),
    }


def check_counts(robot: Robot) -> None:
    """Every image that came in is accounted for."""
    status = robot.statuses[-1].message
    in_hand = status.received - status.processed - status.dropped - status.rejected
    assert 0 <= in_hand <= IN_HAND, status
