"""Where training images come from."""

from pathlib import Path

import numpy as np
import pytest
from drawn_images import encoded, textured, write_sequence

from siamdw_ros.evaluation.frames import decode
from siamdw_ros.training.datasets.annotated import read_frame_tables
from siamdw_ros.training.datasets.tracks import Tally
from siamdw_ros.training.sources import (
    read_cutouts,
    read_photographs,
)


def test_photographs_come_from_folders_and_zips_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").write_bytes(encoded(textured(0)))
    (tmp_path / "notes.txt").write_text("no image")
    archive = write_sequence(tmp_path / "b.zip", [])
    assert len(read_photographs([tmp_path / "sub", archive])) == 1 + 3


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone: neither a folder nor a zip"):
        read_photographs([tmp_path / "gone"])


def test_bytes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="not an image"):
        decode(b"garbage")


def test_cutouts_are_cropped_to_what_shows(tmp_path: Path) -> None:
    alpha = np.zeros((100, 120), np.uint8)
    alpha[20:70, 30:60] = 255
    image = np.dstack([textured(0, 100, 120), alpha])
    (tmp_path / "stamp.png").write_bytes(encoded(image))
    (tmp_path / "opaque.png").write_bytes(encoded(textured(1)))
    (cutout,) = read_cutouts([tmp_path])
    assert cutout.shape == (50, 30, 4)


def test_frames_without_the_target_are_left_out(tmp_path: Path) -> None:
    rows = ["000000.jpg,10,20,30,40", "000001.jpg,nan,nan,nan,nan", "000002.jpg,10,20,2,40"]
    path = write_sequence(tmp_path / "walk.zip", rows)
    ((track,),) = read_frame_tables(path, Tally(), min_side=4)
    assert track.name == "walk"
    assert track.boxes.tolist() == [[10, 20, 30, 40]]
    assert len(track.frames) == 1


def test_an_annotation_of_a_frame_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = write_sequence(tmp_path / "walk.zip", ["000009.jpg,10,20,30,40"])
    with pytest.raises(ValueError, match="000009"):
        list(read_frame_tables(path, Tally()))


def test_a_cutout_that_cannot_be_decoded_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.png").write_bytes(b"garbage")
    assert read_cutouts([tmp_path]) == []
    assert "broken.png left out" in caplog.text
