"""Puts the tests' own helpers on the path; training tests run on one thread, like their peers."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sum in the same order as the processes that tests start, which have one thread too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Remove the handler that a command installs: it writes to this test's stderr."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pack for the box network's training."""
    from siamdw_ros.training.box_pack import PackWriter
    from test.training.test_box_pairs import COLORS, disc, painted, tracks

    path = tmp_path_factory.mktemp("packs") / "pack.zip"
    with PackWriter(path, quality=90) as writer:
        writer.scenes("tracks", tracks())
        writer.scenes("stills", [[scene] for scene in tracks()[0]])
        writer.scenes("photographs", [[painted((0, 0, 240, 200), (90, 90, 90))]])
        writer.cutouts([("disc", disc(color)) for color in COLORS])
    return path
