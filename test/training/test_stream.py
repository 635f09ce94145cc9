"""The stream of pairs is the same however a run is run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from number_stream import Numbers, epoch

from siamdw_ros.training.stream import PairStream, StepSampler

HERE = Path(__file__).parent
WORKERS = """
from number_stream import epoch

if __name__ == "__main__":
    assert epoch(workers=0) == epoch(workers=2)
    print("the same")
"""
AFTER_OPENVINO = """
import numpy as np
from number_stream import epoch
from siamdw_ros.siamdw import create_tracker

if __name__ == "__main__":
    image = np.zeros((240, 320, 3), np.uint8)
    tracker = create_tracker("siamfc_res22", device="cpu", backend="openvino")
    tracker.init(image, (100, 100, 50, 50))
    tracker.track(image)
    assert epoch(workers=0) == epoch(workers=2)
    print("the same")
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(WORKERS, id="plain"),
        pytest.param(AFTER_OPENVINO, id="after OpenVINO", marks=pytest.mark.slow),
    ],
)
def test_worker_processes_do_not_change_the_stream(script: str, tmp_path: Path) -> None:
    """In a process of its own.

    A fork after OpenVINO has started its threads may crash, and a fork server that this process
    starts makes a worker of pytest-xdist end at its next subprocess.
    """
    if script is AFTER_OPENVINO:
        pytest.importorskip("openvino")
    file = tmp_path / "script.py"
    file.write_text(script)
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(file)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert (done.returncode, done.stdout) == (0, "the same\n"), done.stderr


def test_a_resumed_run_gets_the_rest_of_its_epoch() -> None:
    assert epoch(workers=0, done=2) == epoch(workers=0)[2:]


def test_the_next_epoch_has_other_pairs() -> None:
    first, second = epoch(workers=0), epoch(workers=0, done=4)
    assert len(second) == 4
    assert not {tuple(pair) for batch in first for pair in batch} & {
        tuple(pair) for batch in second for pair in batch
    }


def test_processes_share_the_pairs_of_a_step() -> None:
    alone = list(StepSampler(2, 4, lambda: 0))
    ranks = [list(StepSampler(2, 2, lambda: 0, rank, world=2)) for rank in range(2)]
    assert [a + b for a, b in zip(*ranks, strict=True)] == alone


def test_another_seed_gives_other_pairs() -> None:
    first, second = (PairStream(Numbers(), seed)[0]["value"].tolist() for seed in (0, 1))
    assert first != second
