"""Meshes are rendered from places close to each other."""

import sys
from pathlib import Path

import numpy as np
import pytest

from siamdw_ros.training.meshes import read_meshes

URDF = """<robot name="brick"><link name="brick">
  <visual><geometry><box size="0.4 0.2 0.1"/></geometry></visual>
  <collision><geometry><box size="0.4 0.2 0.1"/></geometry></collision>
</link></robot>"""


@pytest.fixture
def brick(tmp_path: Path) -> Path:
    """Write a mesh."""
    pytest.importorskip("pybullet", reason="meshes need pybullet")
    (tmp_path / "brick.urdf").write_text(URDF)
    return tmp_path / "brick.urdf"


def test_a_mesh_gives_looks_with_alpha_that_turn_little_by_little(brick: Path) -> None:
    (views,) = read_meshes([brick], views=5)
    assert len(views) == 5
    for view in views:
        assert view.dtype == np.uint8
        assert view.shape[2] == 4
        assert 0.2 < (view[..., 3] > 0).mean() <= 1
        assert all(edge.max() == 255 for edge in (view[0, :, 3], view[-1, :, 3]))  # cropped
    sizes = np.array([view.shape[:2] for view in views])
    assert np.abs(np.diff(sizes, axis=0)).max() < 50
    assert not np.array_equal(views[0], views[-1])


def test_one_seed_gives_one_set_of_looks(brick: Path) -> None:
    (first,), (second,) = (read_meshes([brick], views=2, seed=4) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_file_that_is_no_mesh_is_left_out(
    brick: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.urdf").write_text("<robot")
    assert len(read_meshes([tmp_path / "broken.urdf", brick], views=2)) == 1
    assert "broken.urdf left out" in caplog.text


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    assert read_meshes([]) == []
    with pytest.raises(ValueError, match="pip install pybullet"):
        read_meshes([Path("duck.urdf")])
