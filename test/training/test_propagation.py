"""Boxes carried by optical flow stay on what they were sampled on."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_images import observed, textured

from siamdw_ros.training.propagation import Propagation, flow_step, propagate, track_by_flow

QUICK = Propagation(every=6, boxes=4, length=9, min_side=30)
STEP = np.array([3.0, 1.5])  # pixels a frame


def sliding(frames: int = 12, zoom: float = 1.0) -> list[np.ndarray]:
    """Record a textured wall with a camera that slides, and comes nearer if `zoom` is above 1."""
    wall, video = textured(5, 400, 500), []
    for index in range(frames):
        scale = zoom**index
        x, y = STEP * index
        view = np.array([[scale, 0, -x], [0, scale, -y]])
        video.append(cv2.warpAffine(wall, view, (320, 240)))
    return video


def grey(image: np.ndarray) -> np.ndarray:
    """Take the colours out."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def test_a_step_follows_shift_and_scale() -> None:
    before, after = (grey(frame) for frame in sliding(2, zoom=1.05))
    box = np.array([[120.0, 80, 60, 40]])
    carried, good = flow_step(before, after, box)
    assert good.all()
    expected = [120 * 1.05 - STEP[0], 80 * 1.05 - STEP[1], 63, 42]
    np.testing.assert_allclose(carried[0], expected, atol=0.5)


def test_a_step_into_another_picture_is_not_trusted() -> None:
    before, after = grey(textured(0, 240, 320)), grey(textured(9, 240, 320))
    boxes = np.array([[40.0, 40, 60, 60], [150, 100, 80, 50]])
    assert not flow_step(before, after, boxes)[1].any()


def test_a_box_that_leaves_the_image_is_not_trusted() -> None:
    before, after = (grey(frame) for frame in sliding(2))
    assert not flow_step(before, after, np.array([[0.0, 100, 50, 50]]))[1].any()


def test_tracks_move_with_what_they_show() -> None:
    tracks = propagate(sliding(), np.random.default_rng(0), QUICK)
    assert len(tracks) >= 3
    for track in tracks:
        assert 3 <= len(track.frames) == len(track.boxes) <= QUICK.length
        corners = np.array(track.boxes)[:, :2]
        expected = corners[0] - STEP * np.arange(len(corners))[:, None]
        np.testing.assert_allclose(corners, expected, atol=1.5)


def test_what_never_moves_is_left_out() -> None:
    still = [textured(5, 240, 320)] * 12
    assert propagate(still, np.random.default_rng(0), QUICK) == []


def test_one_seed_gives_one_set_of_tracks() -> None:
    first, second = (propagate(sliding(), np.random.default_rng(3), QUICK) for _ in range(2))
    assert [track.boxes.tolist() for track in first] == [track.boxes.tolist() for track in second]


def test_few_frames_are_held_while_a_video_is_read() -> None:
    alive: list[int] = []
    tracks = propagate(observed(sliding(60), alive), np.random.default_rng(0), QUICK)
    assert max(alive) <= 10
    expected = propagate(sliding(60), np.random.default_rng(0), QUICK)
    assert [track.boxes.tolist() for track in tracks] == [t.boxes.tolist() for t in expected]


def test_a_video_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "wall.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240))
    for frame in sliding():
        writer.write(frame)
    writer.release()
    tracks = track_by_flow(Path(path), QUICK)
    assert tracks
    assert tracks[0].name.startswith("wall_")


def test_what_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("no video")
    with pytest.raises(FileNotFoundError, match=r"x\.mp4: no video"):
        track_by_flow(tmp_path / "x.mp4")
