"""DDS ports for the node that no earlier process has used, as long as there are any."""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
OUR_PROFILE = '<participant profile_name="siamdw_ros"'
# Only participants whose numbers are below 32 find each other without multicast, as with
# ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST. Fast DDS counts from 0: other programs on the machine
# use the lower numbers.
NUMBERS = range(16, 32)


@contextlib.contextmanager
def ports_of_its_own() -> Iterator[None]:
    """Give the DDS participant that is created inside of it ports that no other has used.

    Fast DDS takes the lowest free ports: after a process was killed, its successor gets the same
    ones. The shared memory of the killed process must first be recognised as dead, and the other
    processes still hold connections to it. They discover the new process up to 3 s later
    (docs/reliability.md).

    It needs the package's Fast DDS profile, config/fastdds.xml, and does nothing without it.
    """
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    number = unused_number(os.environ.get("ROS_DOMAIN_ID", ""))
    with contextlib.ExitStack() as stack:
        # Fast DDS itself reports a profile that cannot be read. Without a place for a changed
        # profile, the node gets the ports that it would have had anyway.
        with contextlib.suppress(OSError, UnicodeDecodeError):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="siamdw_ros_"))
            for name, path in given.items():
                profile = Path(folder, f"{name}.xml")
                profile.write_text(with_number(Path(path).read_text(encoding="utf-8"), number))
                os.environ[name] = str(profile)
        try:
            yield
        finally:
            os.environ.update(given)


def unused_number(domain: str, shared_memory: Path = Path("/dev/shm")) -> int | None:
    """Choose a number whose ports no process has used, or else the one that died first.

    Args:
        domain: Value of ROS_DOMAIN_ID; empty means 0.
        shared_memory: Folder in which Fast DDS keeps files for each port. They stay there when
            their process is killed.

    Returns:
        One of :data:`NUMBERS`; None if living processes have them all.
    """
    first = 7400 + 250 * int(domain if domain.isdecimal() else 0) + 10  # RTPS 2.5, section 9.6.2.3
    files: dict[int, list[Path]] = {number: [] for number in NUMBERS}
    for file in shared_memory.glob("fast*_port*"):
        port = re.search(r"_port(\d+)", file.name)
        number = (int(port[1]) - first) // 2 if port else -1
        if number in files:
            files[number].append(file)
    free = [(_last_used(files[number]), number) for number in NUMBERS if not _alive(files[number])]
    return min(free)[1] if free else None


def _alive(files: list[Path]) -> bool:
    """Whether a process still listens on a port: Fast DDS locks one of the files meanwhile."""
    for file in files:
        if file.name.endswith("_el"):
            try:
                with file.open() as opened:
                    fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except FileNotFoundError:
                continue
            except OSError:  # locked, or another user's
                return True
    return False


def _last_used(files: list[Path]) -> float:
    """Time at which the newest of a port's files was written; 0 if there is none."""
    times = [0.0]
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            times.append(file.stat().st_mtime)
    return max(times)


def with_number(profiles: str, number: int | None) -> str:
    """Add a participant's number to the package's Fast DDS profile; leave any other as it is."""
    before, ours, after = profiles.partition(OUR_PROFILE)
    if not ours or number is None or "<participantID>" in after:
        return profiles
    given = f"<rtps><participantID>{number}</participantID>"
    return before + ours + after.replace("<rtps>", given, 1)
