"""Images and bags for the tests of recordings."""

import sys
from pathlib import Path

import numpy as np
import pytest

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.node.engine import Engine
from siamdw_ros.node.settings import Settings
from siamdw_ros.recordings import tracking

sys.path.insert(0, str(Path(__file__).parent))

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


@pytest.fixture(scope="session")
def images() -> list[np.ndarray]:
    """The first frames of the clip, 480 x 640 x 3."""
    clip = read_clip(CLIP)
    return [next(clip) for _ in range(12)]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The default network, loaded once: that takes seconds."""
    return Engine(Settings())


@pytest.fixture
def one_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each run of the test use that network; the targets are each run's own."""
    monkeypatch.setattr(tracking, "Engine", lambda _settings: engine)
