"""Only training needs the libraries of training."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["siamdw_ros.siamdw", "siamdw_ros.node.tracker_node"])
def test_tracking_loads_nothing_that_only_training_needs(module: str) -> None:
    if ".node." in module:
        pytest.importorskip("rclpy")
    unwanted = {"lightning", "pydantic", "siamdw_ros.training"}
    code = f"import sys, {module}; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_data_sets_are_read_without_lightning_or_pydantic() -> None:
    code = (
        "import sys; sys.modules['lightning'] = sys.modules['pydantic'] = None\n"
        "import siamdw_ros.training.datasets, siamdw_ros.training.published"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
