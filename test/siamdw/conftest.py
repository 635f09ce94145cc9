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
    """Give the path of a network's file in the authors' layout."""
    return golden.official_files(tmp_path_factory.mktemp("official"))


@pytest.fixture(scope="session")
def video():
    """Frames and boxes of the reference video."""
    return golden.load_video()


@pytest.fixture(scope="module")
def weights():
    """The smallest official table of weights."""
    return golden.official_weights("siamfc_res22")


@pytest.fixture
def save(tmp_path):
    """Save something as a file; give its path."""

    def save(content, **options):
        torch.save(content, tmp_path / "file.pth", **options)
        return tmp_path / "file.pth"

    return save
