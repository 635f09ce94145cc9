"""How many CPU cores this process may use, and how many threads inference takes of them."""

import math
import os
from pathlib import Path

MAX_THREADS = 4
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def choose_threads(wanted: int = 0) -> int:
    """Return the number of CPU threads for inference: `wanted` if that is not 0.

    One core is left to the camera, to ROS and to the rest of the robot: where all are taken, every
    thread has to wait at the end of each layer for the one that was interrupted. More than four
    gain little at windows of this size.
    """
    return wanted or min(max(available_cores() - 1, 1), MAX_THREADS)


def available_cores() -> int:
    """Return the number of cores that affinity and the quota of the container allow."""
    cores = len(os.sched_getaffinity(0))
    quota = cgroup_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cgroup_quota() -> float | None:
    """Return the smallest CPU quota of this process's cgroups, in cores; None if there is none.

    `docker run --cpus=1.5` sets such a quota; the affinity still shows all cores of the machine.
    """
    limits = [quota for folder in _cgroup_folders() if (quota := _quota(folder)) is not None]
    return min(limits, default=None)


def _cgroup_folders() -> list[Path]:
    """Return the folders of this process's CPU cgroup and of its parents, version 2 and 1."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = CGROUPS
        elif "cpu" in controllers.split(","):
            root = CGROUPS / "cpu"
        else:
            continue
        own = root / path.lstrip("/")
        folders += [own, *(parent for parent in own.parents if parent.is_relative_to(root))]
        folders.append(root)  # in a container the path may be that of the host
    return folders


def _quota(folder: Path) -> float | None:
    """Read the quota of one cgroup, in cores; None if it has none."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        cores = float(quota) / float(period)  # "max" or -1: there is no limit
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None
