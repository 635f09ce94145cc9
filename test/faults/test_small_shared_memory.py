"""Images arrive in a container with the 64 MB of shared memory that Docker gives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("small_shared_memory.py")
NAMESPACE = ["unshare", "--map-root-user", "--mount"]
MOUNT = "mount -t tmpfs -o size=64m tmpfs /dev/shm"

pytestmark = [pytest.mark.slow, pytest.mark.ros, pytest.mark.timeout(600)]


@pytest.fixture
def small_shared_memory():
    """The command that starts a program with a /dev/shm of its own, of 64 MB."""
    try:
        subprocess.run([*NAMESPACE, "sh", "-c", MOUNT], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user cannot mount a /dev/shm in a namespace of its own: {error}")
    return [*NAMESPACE, "sh", "-c", f'{MOUNT} && exec "$@"', "sh"]


def test_images_arrive_with_64_mb_of_shared_memory(small_shared_memory, trials, tmp_path):
    log = tmp_path / "node.log"
    for trial in trials("container with 64 MB of shared memory, images at 15 Hz"):
        finished = subprocess.run(
            [*small_shared_memory, sys.executable, PROGRAM, log],
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert "SHM" not in finished.stderr + log.read_text()
        found = json.loads(finished.stdout.splitlines()[-1])
        trial.counts = {"sent of each size": found["sent"], **found["received"]}
        trial.counts["worst MB of shared memory"] = found["shared_memory_mb"]
        assert all(count >= 0.9 * found["sent"] for count in found["received"].values()), found
        assert found["shared_memory_mb"] <= 40
