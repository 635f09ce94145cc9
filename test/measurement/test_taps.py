"""Taps are judged by their overlap with the annotation."""

import cv2
import numpy as np
import pytest

from siamdw_ros.measurement import taps
from siamdw_ros.siamdw.extent import Extent


class FixedFinder:
    """Finds the annotated box from its centre, and nothing from elsewhere."""

    def warm_up(self):
        pass

    def box_around(self, _image, point):
        return Extent((50.0, 40.0, 30.0, 20.0), 0.9) if point == (65.0, 50.0) else None


@pytest.fixture
def sequence(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    rows = ["file,x,y,w,h"]
    for i in range(4):
        cv2.imwrite(str(folder / f"{i}.png"), np.zeros((120, 160, 3), np.uint8))
        rows.append(f"{i}.png,50,40,30,20" if i != 2 else f"{i}.png,nan,nan,nan,nan")
    (folder / "groundtruth.csv").write_text("\n".join(rows))
    return folder


def test_only_visible_objects_are_tapped_in_the_middle_of_their_box(sequence):
    (annotated,) = taps.find_sequences(sequence)
    done = list(taps.tap_sequence(FixedFinder(), annotated, step=1, inner=2))
    assert len(done) == 9
    assert [tap.central for tap in done] == [True, False, False] * 3
    assert all(57.5 <= x <= 72.5 and 45 <= y <= 55 for x, y in (tap.point for tap in done))
    assert [tap.overlap for tap in done] == [1.0, 0.0, 0.0] * 3


def test_report_has_a_row_per_sequence_and_one_for_all(sequence):
    (annotated,) = taps.find_sequences(sequence)
    done = list(taps.tap_sequence(FixedFinder(), annotated, step=1, inner=1))
    rows = taps.report(done).rows
    assert [row["sequence"] for row in rows] == ["one", "all taps"]
    assert rows[0]["right"] == pytest.approx(0.5)
    assert rows[0]["right at the centre"] == 1
    assert rows[0]["right elsewhere"] == 0
    assert rows[0]["nothing found"] == pytest.approx(0.5)


def test_the_command_prints_figures_and_draws_a_sheet(sequence, tmp_path, capsys):
    picture = tmp_path / "sheet.png"
    assert taps.main([str(sequence), "--inner", "1", "--sheet", str(picture)]) == 0
    assert "all taps" in capsys.readouterr().out
    assert cv2.imread(str(picture)).shape[1] == 5 * 320


def test_only_wrong_taps_are_drawn_if_asked(sequence, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(taps, "create_extent_finder", lambda *_args, **_names: FixedFinder())
    monkeypatch.setattr(taps, "sheet", lambda chosen: drawn.extend(chosen) or np.zeros((9, 9, 3)))
    picture = str(tmp_path / "sheet.png")
    assert taps.main([str(sequence), "--step", "1", "--sheet", picture, "--failing"]) == 0
    assert [tap.central for tap in drawn] == [False] * 6


def test_a_missing_sequence_is_reported(tmp_path, capsys):
    assert taps.main([str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err
