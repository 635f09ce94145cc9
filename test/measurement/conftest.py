"""Fixtures that the benchmark's tests share with the tracker's."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "siamdw"))
sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import golden

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def official_file(tmp_path_factory):
    """Give the path of a network's file in the authors' layout."""
    return golden.official_files(tmp_path_factory.mktemp("official"))
