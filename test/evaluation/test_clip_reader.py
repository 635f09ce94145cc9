"""Reading clips: order, bounded memory, 16-bit images, and what is refused."""

import queue
import struct
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamdw_ros.evaluation import clip_reader
from siamdw_ros.evaluation.clip_reader import (
    READ_AHEAD,
    REORDERED,
    ReadAhead,
    TimedFrame,
    frame_count,
    frame_rate,
    is_live,
    read_clip,
    read_frames,
    read_timed,
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


@pytest.mark.parametrize("clip", ["cup", "juice", "box"])
def test_times_of_a_video_with_one_rate_are_those_of_its_rate(clip: str) -> None:
    """box.mp4 has its times in the order of decoding, and rounded to milliseconds twice."""
    path = CLIP.with_name(f"{clip}.mp4")
    frames = islice(read_timed(path), 40)
    times = np.array([frame.seconds for frame in frames])
    bound = 2e-3 if clip == "box" else 1e-6
    np.testing.assert_allclose(times, np.arange(40) / frame_rate(path), rtol=0, atol=bound)


def slow_down(path: Path) -> None:
    """Make the second half of an MP4's frames last four times as long."""
    content = bytearray(path.read_bytes())
    table = content.find(b"stts") - 4
    size, _, _, entries, count, duration = struct.unpack_from(">I4s4I", content, table)
    assert entries == 1
    half = count // 2
    slower = (size + 8, b"stts", 0, 2, half, duration, count - half, 4 * duration)
    content[table : table + size] = struct.pack(">I4s6I", *slower)
    for box in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):  # those around it
        place = content.rfind(box, 0, table) - 4
        (size,) = struct.unpack_from(">I", content, place)
        struct.pack_into(">I", content, place, size + 8)
    edits = content.find(b"edts")
    content[edits : edits + 4] = b"free"  # they would cut off what is longer now
    path.write_bytes(content)


def test_times_of_a_video_with_a_variable_rate_are_those_of_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "variable.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (64, 48))
    for index in range(60):
        writer.write(np.full((48, 64, 3), 4 * index, np.uint8))
    writer.release()
    slow_down(path)
    steps = np.diff([frame.seconds for frame in read_timed(path)])
    np.testing.assert_allclose(steps, [1 / 30] * 30 + [4 / 30] * 29, atol=1e-6)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([0.0] * 30, range(30)),  # the decoder has none
        ([*range(20), 0.0, 0.0], range(22)),  # of the last frames
        ([*range(20), *range(1, 11)], [*range(20), *range(20, 30)]),  # they begin again
        ([3, 4, 6, 9], [3, 4, 6, 9]),  # the first frames could not be decoded
        ([0, 4, 2, 3, 1, 8, 6, 7, 5], range(9)),
    ],
)
def test_times_increase_whatever_the_decoder_reports(
    positions: list[float], expected: Sequence[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [np.full((2, 2), index, np.uint8) for index in range(len(positions))]
    read = zip(frames, map(float, positions), strict=True)
    monkeypatch.setattr(clip_reader, "_read", lambda _: read)
    found = list(read_timed("video.mp4", rate=1.0))
    assert [int(frame.image[0, 0]) for frame in found] == list(range(len(positions)))
    assert [frame.seconds for frame in found] == list(expected)


def test_times_of_a_folder_are_those_of_the_rate(tmp_path: Path) -> None:
    write_images(tmp_path, *range(1, 2 * REORDERED))
    times = [frame.seconds for frame in read_timed(tmp_path, rate=10)]
    np.testing.assert_allclose(times, np.arange(2 * REORDERED - 1) / 10, atol=1e-9)


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


def endless(made: list[int], enough: threading.Event) -> Iterator[TimedFrame]:
    while True:
        made.append(len(made))
        if len(made) > READ_AHEAD:
            enough.set()
        yield TimedFrame(np.full((2, 2), len(made) - 1, np.uint16), 0.0)


def test_only_a_few_frames_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    enough = threading.Event()
    monkeypatch.setattr(clip_reader, "read_timed", lambda *_: endless(made, enough))
    reader = ReadAhead("long.mp4")
    for index in range(500):
        assert enough.wait(10.0)
        frame = reader.take(10.0)
        assert frame is not None
        assert int(frame.image[0, 0]) == index
        assert len(made) <= index + READ_AHEAD + 2  # one waits to be put, one was just taken
    reader.close()


def test_of_a_stream_only_the_newest_frame_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    enough = threading.Event()
    monkeypatch.setattr(clip_reader, "read_timed", lambda *_: endless(made, enough))
    reader = ReadAhead("rtsp://camera/1")
    assert enough.wait(10.0)  # the reader did not wait for anyone to take the first
    frame = reader.take(10.0)
    assert frame is not None
    assert int(frame.image[0, 0]) > 0
    reader.close()


def test_a_loop_begins_again_and_a_clip_ends(tmp_path: Path) -> None:
    write_images(tmp_path, 1, 2, 3)
    loop = ReadAhead(tmp_path, loop=True)
    values = [loop.take(10.0).image[0, 0, 0] for _ in range(8)]  # type: ignore[union-attr]
    loop.close()
    assert values == [1, 2, 3, 1, 2, 3, 1, 2]
    once = ReadAhead(tmp_path)
    assert [once.take(10.0) is None for _ in range(4)] == [False, False, False, True]
    with pytest.raises(queue.Empty):
        once.take(0)
