"""Labels of a tracker on which both directions agree."""

from collections.abc import Callable, Iterable
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from drawn_images import observed

from siamdw_ros.siamdw import State, TrackResult
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.tools import label_video
from siamdw_ros.training.box_bank import read_track
from siamdw_ros.training.labelling import SEGMENT, labels

CUP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


def frames(count: int) -> list[Image]:
    """Images whose first pixel is their number."""
    return [np.full((4, 4, 3), number, np.uint8) for number in range(count)]


class Runner:
    """Follows a target that moves 2 px per frame."""

    def init(self, image: Image, box: Box) -> None:
        self.at, self.box = int(image[0, 0, 0]), box

    def track(self, image: Image) -> TrackResult:
        now = int(image[0, 0, 0])
        self.box = (self.box[0] + 2.0 * (now - self.at), *self.box[1:])
        self.at = now
        return TrackResult(self.box, 1.0, State.TRACKED)


@pytest.mark.parametrize("count", [2, SEGMENT + 1, SEGMENT + 2, 3 * SEGMENT])
def test_each_frame_is_labelled_once(count: int) -> None:
    found = list(labels(frames(count), (10.0, 10.0, 20.0, 20.0), Runner()))
    assert [label.number for label in found] == list(range(count))
    for label in found:
        assert label.image[0, 0, 0] == label.number
        assert label.box == (10.0 + 2 * label.number, 10.0, 20.0, 20.0)


def test_labels_end_where_the_directions_disagree() -> None:
    class OneWay(Runner):
        """Drifts backwards, among the later frames."""

        def track(self, image: Image) -> TrackResult:
            if image[0, 0, 0] < self.at and self.at > SEGMENT:
                self.box = (self.box[0] - 9.0, *self.box[1:])
            return super().track(image)

    found = list(labels(frames(60), (10.0, 10.0, 20.0, 20.0), OneWay()))
    assert [label.number for label in found] == list(range(SEGMENT + 1))


def test_a_single_frame_has_no_labels() -> None:
    assert not list(labels(frames(1), (10.0, 10.0, 20.0, 20.0), Runner()))


@pytest.fixture
def label(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """The command, with a tracker that needs no images, on frames that are given."""

    class Spec:
        def build(self) -> Runner:
            return Runner()

    def run(video: Callable[[], Iterable[Image]], *arguments: str) -> int:
        monkeypatch.setattr(label_video, "read_spec", lambda *_: Spec())
        monkeypatch.setattr(label_video, "frame_count", lambda _: 0)
        monkeypatch.setattr(label_video, "read_clip", lambda _: iter(video()))
        return label_video.main(["x.mp4", str(tmp_path / "x.zip"), *arguments])

    return run


def test_few_frames_are_held_while_a_video_is_labelled(
    label: Callable[..., int], tmp_path: Path
) -> None:
    alive: list[int] = []
    sheet = tmp_path / "sheet.png"

    def video() -> Iterable[Image]:
        return observed((np.full((100, 800, 3), n, np.uint8) for n in range(240)), alive)

    arguments = ["--box", "10,40,20,20", "--sheet", str(sheet), "--start", "3"]
    assert label(video, *arguments) == 0
    assert max(alive) <= 2 * SEGMENT + 5
    assert len(ZipFile(tmp_path / "x.zip").namelist()) == 240 - 3 + 1
    shown = cv2.imread(str(sheet))
    assert shown.shape == (4 * 40, 5 * 320, 3)
    assert shown[39, 0, 0] == 3  # below the first box
    assert shown[-1, -1, 0] == 239  # right of the last one, and below


def test_nothing_is_left_of_a_video_that_cannot_be_labelled(
    label: Callable[..., int], tmp_path: Path
) -> None:
    def broken() -> Iterable[Image]:
        yield from (np.zeros((96, 128, 3), np.uint8) for _ in range(2 * SEGMENT))
        raise OSError("x.mp4: it is damaged")

    assert label(broken, "--box", "10,10,20,20") == 2
    assert label(lambda: frames(1), "--box", "10,10,20,20") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_archive_of_a_video_is_read_as_a_track(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "cup.zip", tmp_path / "cup.png"
    command = [str(CUP), str(out), "--tracker", "csrt", "--start", "180", "--every", "4"]
    assert (
        label_video.main([*command, "--box", "289.5,136.5,108.5,252.0", "--sheet", str(sheet)])
        == 0
    )
    assert "from 180 to" in capsys.readouterr().out
    scenes = read_track(out)
    assert len(scenes) == len(ZipFile(out).namelist()) - 1 >= 5
    assert all(max(scene.box[2:]) == pytest.approx(88, abs=1) for scene in scenes)
    assert sheet.stat().st_size > 1000


def test_what_cannot_be_labelled_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(CUP), str(tmp_path / "cup.zip"), "--tracker", "csrt", "--box", "0,0,50,50"]
    assert label_video.main([*command, "--start", "900"]) == 2
    assert "no such frame" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        label_video.main([*command, "--box", "nan,0,50,50"])
    assert "nan,0,50,50: expected X,Y,W,H" in capsys.readouterr().err
