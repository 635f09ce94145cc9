"""DDS ports for a node that no other participant has used lately."""

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
SHARED_MEMORY = Path("/dev/shm")  # where Fast DDS has its files for each port


@contextlib.contextmanager
def ports_of_its_own() -> Iterator[None]:
    """Give the DDS participant that is created inside of it ports that were not used lately.

    Fast DDS takes the lowest free ports: after a process was killed, its successor gets the same
    ones, to which the other processes send until the lease of the killed one ends, after 20 s.
    Whenever one of them sends, it finds the port dead, removes its shared memory and creates
    it again. Fast DDS 2.14 does not distinguish that from a process that takes the port just then:
    it may remove the successor's memory. The successor is discovered all the same, but no message
    reaches it any more (docs/reliability.md).

    It needs the package's Fast DDS profile, config/fastdds.xml, and does nothing without it.
    """
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    number = next_number(os.environ.get("ROS_DOMAIN_ID", ""))
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


def next_number(domain: str, shared_memory: Path = SHARED_MEMORY) -> int | None:
    """Take the next number in turn whose ports no living process has.

    The numbers are taken in turn, because Fast DDS's own files do not show which ports were used
    lately: other processes remove those of a killed one. A file beside them has the number that
    was taken last.

    Args:
        domain: Value of ROS_DOMAIN_ID; empty means 0.
        shared_memory: Folder of Fast DDS's files.

    Returns:
        One of :data:`NUMBERS`; None if living processes have them all, or if the file cannot be
        used.
    """
    index = int(domain if domain.isdecimal() else 0)
    path = shared_memory / f"siamdw_ros_{os.getuid()}_number_in_domain_{index}"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two nodes that start at once take two numbers
        content = file.read()
        last = int(content) if content.isdigit() else NUMBERS[-1]
        alive = _living_numbers(index, shared_memory)
        later_first = sorted(NUMBERS, key=lambda number: (number <= last, number))
        number = next((each for each in later_first if each not in alive), None)
        if number is not None:
            file.seek(0)
            file.truncate()
            file.write(b"%d" % number)
    return number


def _living_numbers(domain: int, shared_memory: Path) -> set[int]:
    """Return the numbers on whose ports a process listens: Fast DDS locks a file meanwhile."""
    first = 7400 + 250 * domain + 10  # RTPS 2.5, section 9.6.2.3
    alive = set()
    for file in shared_memory.glob("fast*_port*_el"):
        port = re.search(r"_port(\d+)", file.name)
        if port and _locked(file):
            alive.add((int(port[1]) - first) // 2)
    return alive


def _locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # locked, or another user's
        return True
    return False


def with_number(profiles: str, number: int | None) -> str:
    """Add a participant's number to the package's Fast DDS profile; leave any other as it is."""
    before, ours, after = profiles.partition(OUR_PROFILE)
    if not ours or number is None or "<participantID>" in after:
        return profiles
    given = f"<rtps><participantID>{number}</participantID>"
    return before + ours + after.replace("<rtps>", given, 1)
