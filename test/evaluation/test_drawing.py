"""Videos and contact sheets can be opened and show the boxes."""

from pathlib import Path

import cv2
import numpy as np

from siamdw_ros.evaluation.drawing import FOUND, Annotated, contact_sheet, draw, write_video

GREY = np.full((120, 160, 3), 128, np.uint8)


def test_the_found_box_is_drawn_where_it_is_on_a_copy() -> None:
    picture = draw(Annotated(GREY, "0", found=(40, 50, 60, 30)))
    assert tuple(picture[65, 40]) == FOUND
    assert (GREY == 128).all()


def test_a_contact_sheet_is_a_full_grid() -> None:
    frames = [Annotated(GREY, str(index)) for index in range(7)]
    assert contact_sheet(frames, columns=3, rows=2, width=80).shape == (2 * 60, 3 * 80, 3)
    assert contact_sheet(frames[:4], columns=3, rows=2, width=80).shape == (2 * 60, 3 * 80, 3)


def test_a_drawn_video_has_every_frame(tmp_path: Path) -> None:
    write_video([Annotated(GREY, str(index)) for index in range(5)], tmp_path / "video.mp4", 10)
    video = cv2.VideoCapture(str(tmp_path / "video.mp4"))
    assert sum(video.read()[0] for _ in range(10)) == 5
