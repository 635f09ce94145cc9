"""Reading clips: order, bounded memory, 16-bit images, and what is refused."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamdw_ros.evaluation import clip_reader
from siamdw_ros.evaluation.clip_reader import (
    READ_AHEAD,
    ReadAhead,
    frame_count,
    frame_rate,
    is_live,
    read_clip,
    read_frames,
)

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


def write_images(folder: Path, *numbers: int) -> None:
    for number in numbers:
        cv2.imwrite(str(folder / f"{number}.png"), np.full((4, 6, 3), number, np.uint8))


def test_the_shipped_clip_has_its_size_length_and_rate() -> None:
    frame = next(read_clip(CLIP))
    assert frame.shape == (480, 640, 3)
    assert frame_count(CLIP) == 217
    assert frame_rate(CLIP) == pytest.approx(26.8, abs=0.1)


def test_images_of_a_folder_come_in_natural_order(tmp_path: Path) -> None:
    write_images(tmp_path, 10, 9, 100, 1, 2)
    (tmp_path / "notes.txt").write_text("no image")
    assert [int(frame[0, 0, 0]) for frame in read_clip(tmp_path)] == [1, 2, 9, 10, 100]
    assert frame_count(tmp_path) == 5


def test_16_bit_images_are_read_as_they_are_and_shown_spread(tmp_path: Path) -> None:
    values = np.linspace(7700, 8000, 48 * 64).astype(np.uint16).reshape(48, 64)
    cv2.imwrite(str(tmp_path / "0.png"), values)
    (stored,) = read_frames(tmp_path)
    np.testing.assert_array_equal(stored, values)
    (shown,) = read_clip(tmp_path)
    assert shown.shape == (48, 64, 3)
    assert len(np.unique(shown)) > 200


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.mp4", "there is no such file or folder"),
        ("empty", "no image in this folder"),
        ("text.mp4", "no video that OpenCV can read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(FileNotFoundError, match=f"{name}: {reason}"):
        next(read_clip(tmp_path / name))
    with pytest.raises(FileNotFoundError, match=reason):
        ReadAhead(tmp_path / name).take(10.0)


@pytest.mark.parametrize(
    ("source", "live"),
    [("rtsp://camera/1", True), ("0", True), ("/dev/video2", True), ("video.mp4", False)],
)
def test_streams_and_devices_are_live(source: str, live: bool) -> None:
    assert is_live(source) is live


def endless(made: list[int], enough: threading.Event) -> Iterator[np.ndarray]:
    while True:
        made.append(len(made))
        if len(made) > READ_AHEAD:
            enough.set()
        yield np.full((2, 2), len(made) - 1, np.uint16)


def test_only_a_few_frames_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    enough = threading.Event()
    monkeypatch.setattr(clip_reader, "read_frames", lambda _: endless(made, enough))
    reader = ReadAhead("long.mp4")
    for index in range(500):
        assert enough.wait(10.0)
        frame = reader.take(10.0)
        assert frame is not None
        assert int(frame[0, 0]) == index
        assert len(made) <= index + READ_AHEAD + 2  # one waits to be put, one was just taken
    reader.close()


def test_of_a_stream_only_the_newest_frame_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    enough = threading.Event()
    monkeypatch.setattr(clip_reader, "read_frames", lambda _: endless(made, enough))
    reader = ReadAhead("rtsp://camera/1")
    assert enough.wait(10.0)  # the reader did not wait for anyone to take the first
    frame = reader.take(10.0)
    assert frame is not None
    assert int(frame[0, 0]) > 0
    reader.close()


def test_a_loop_begins_again_and_a_clip_ends(tmp_path: Path) -> None:
    write_images(tmp_path, 1, 2, 3)
    loop = ReadAhead(tmp_path, loop=True)
    values = [loop.take(10.0)[0, 0, 0] for _ in range(8)]  # type: ignore[index]
    loop.close()
    assert values == [1, 2, 3, 1, 2, 3, 1, 2]
    once = ReadAhead(tmp_path)
    assert [once.take(10.0) is None for _ in range(4)] == [False, False, False, True]
    with pytest.raises(queue.Empty):
        once.take(0)
