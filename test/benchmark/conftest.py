"""What the benchmark's tests share with the tracker's."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "siamdw"))

import golden

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def official_file(tmp_path_factory):
    """Write, once a network, a file in the authors' layout; give its path."""
    folder = tmp_path_factory.mktemp("official")

    def path_of(name):
        path = folder / f"{name}.pth"
        if not path.exists():
            torch.save(golden.official_weights(name), path)
        return path

    return path_of
