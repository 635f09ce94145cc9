"""Fixtures of the tracker's tests."""

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

import golden

torch.set_num_threads(1)
settings.register_profile("tracker", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("tracker")


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


@pytest.fixture(scope="session")
def film():
    """Frames and boxes of the reference film."""
    return golden.load_film()
