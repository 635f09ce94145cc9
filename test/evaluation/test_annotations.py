"""The annotation that is shipped, and what a broken one gets."""

import math
from pathlib import Path

import pytest

from siamdw_ros.evaluation.annotations import read_annotation

CUP = Path(__file__).parents[1] / "data" / "clips" / "cup.csv"


def test_the_shipped_annotation_covers_the_clip() -> None:
    boxes = read_annotation(CUP)
    assert len(boxes) == 217
    assert boxes[0] == (306, 124, 108, 260)
    assert all(x >= -5 and y >= -5 and x + w <= 645 and y + h <= 485 for x, y, w, h in boxes)


def test_a_gap_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "gap.csv"
    file.write_text("# how it was made\nframe,x,y,w,h\n0,1,2,3,4\n2,1,2,3,4\n")
    with pytest.raises(ValueError, match="without gaps"):
        read_annotation(file)


def test_a_target_out_of_view_has_no_box(tmp_path: Path) -> None:
    file = tmp_path / "away.csv"
    file.write_text("frame,x,y,w,h\n0,1,2,3,4\n1,nan,nan,nan,nan\n")
    seen, absent = read_annotation(file)
    assert seen == (1, 2, 3, 4)
    assert all(math.isnan(value) for value in absent)
