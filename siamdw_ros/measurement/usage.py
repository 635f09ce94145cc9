"""Resources of a running process: processor time by kind of thread, memory, threads, files."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from siamdw_ros.node.receiver import THREAD

DDS_PREFIX = "dds."  # Fast DDS names its threads so


@dataclass(frozen=True)
class Usage:
    """The resources of a process at one moment.

    Attributes:
        seconds: processor time so far, by kind of thread: `executor` (the main thread), `receiver`
            (of the images), `dds`, and `inference` (all others: the inference thread and torch's).
        rss: resident memory in bytes.
        threads: their number.
        files: number of open files.
    """

    seconds: dict[str, float]
    rss: int
    threads: int
    files: int


def usage(pid: int) -> Usage:
    """Return what a process uses.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    process = psutil.Process(pid)
    seconds = dict.fromkeys(("executor", "receiver", "dds", "inference"), 0.0)
    threads = process.threads()
    for thread in threads:
        seconds[_kind(pid, thread.id)] += thread.user_time + thread.system_time
    return Usage(seconds, process.memory_info().rss, len(threads), process.num_fds())


def _kind(pid: int, thread: int) -> str:
    if thread == pid:
        return "executor"
    try:
        name = Path(f"/proc/{pid}/task/{thread}/comm").read_text()
    except OSError:  # it has just ended
        return "inference"
    if name.startswith(THREAD):
        return "receiver"
    return "dds" if name.startswith(DDS_PREFIX) else "inference"
