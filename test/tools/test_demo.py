"""The demo's figures; the demo itself runs in `make demo`."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.evaluation.clip_reader import frame_count
from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.playback import ImageResult
from siamdw_ros.tools import demo
from siamdw_ros.tools.demo import (
    compare,
    main,
    read_truth,
    summarise,
    table,
    write_boxes,
    write_images,
)

TRUTH = [(0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 10.0, 10.0), (10.0, 0.0, 10.0, 10.0)]
SENT = [(-1, 1_000_000), (0, 2_000_000), (1, 3_000_000), (2, 4_000_000)]
RESULTS = {
    1_000_000: ImageResult(1_500_000, []),
    2_000_000: ImageResult(12_000_000, [(0.0, 0.0, 10.0, 10.0)]),
    4_000_000: ImageResult(34_000_000, []),
}


def test_processed_frames_are_compared_with_their_own_annotation() -> None:
    first, last = compare(RESULTS, SENT, TRUTH)
    assert (first.frame, first.iou, first.latency_ms) == (0, 1.0, 10.0)
    assert (last.frame, last.box, last.iou) == (2, None, 0.0)


def test_the_video_has_all_frames_and_the_sheet_those_that_were_processed(tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    for index in range(3):
        cv2.imwrite(str(clip / f"{index}.png"), np.full((120, 160, 3), 50 * index, np.uint8))
    write_images(clip, compare(RESULTS, SENT, TRUTH), TRUTH, tmp_path)
    assert frame_count(tmp_path / "tracked.mp4") == 3
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    assert sheet.shape == (240, 5 * 320, 3)
    assert sheet[-1, [319, 639, 959], 0].tolist() == [0, 100, 0]  # frames 0 and 2, nothing


def test_a_stamp_that_was_never_sent_is_an_error() -> None:
    with pytest.raises(RobotError, match="stamps that no image had"):
        compare({**RESULTS, 9: ImageResult(10, [])}, SENT, TRUTH)


def test_nothing_processed_is_an_error() -> None:
    with pytest.raises(RobotError, match="processed no frame"):
        compare({}, SENT, TRUTH)


def test_the_summary_counts_a_frame_without_a_box_as_a_miss() -> None:
    status = TrackerStatus(received=4, processed=3, dropped=1, model="siamfc_res22", device="cpu")
    summary = summarise(compare(RESULTS, SENT, TRUTH), len(SENT), status)
    assert summary["mean_iou"] == 0.5
    assert summary["success_rate"] == 0.5
    assert summary["last_iou"] == 0
    assert (summary["sent"], summary["received"], summary["processed"]) == (4, 4, 3)
    assert summary["latency_ms"]["p50"] == 20.0
    assert "20 / " in table(summary).text()


def test_frames_in_which_the_target_is_absent_are_not_compared() -> None:
    status = TrackerStatus(received=4, processed=3)
    results = {**RESULTS, 3_000_000: ImageResult(23_000_000, [(5.0, 0.0, 10.0, 10.0)])}
    for absent, mean, last in ((1, 0.5, 0.0), (2, 1.0, 1.0)):
        truth = [None if frame == absent else box for frame, box in enumerate(TRUTH)]
        summary = summarise(compare(results, SENT, truth), len(SENT), status)
        assert (summary["mean_iou"], summary["last_iou"]) == (mean, last)
        assert summary["compared"] == 2
    with pytest.raises(RobotError, match="visible"):
        compare(results, SENT, [None] * 3)


def test_absent_frames_are_drawn_and_written_without_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotation = tmp_path / "clip.csv"
    annotation.write_text("frame,x,y,w,h\n0,0,0,10,10\n1,,,,\n2,nan,nan,nan,nan\n")
    truth, start = read_truth(annotation)
    assert (truth, start) == ([TRUTH[0], None, None], TRUTH[0])
    images = [np.zeros((48, 64, 3), np.uint8)] * 3
    monkeypatch.setattr(demo, "read_clip", lambda clip: images)
    monkeypatch.setattr(demo, "frame_rate", lambda clip: 30.0)
    lines = compare(RESULTS, SENT, truth)
    write_images(tmp_path / "clip.mp4", lines, truth, tmp_path)
    write_boxes(lines, tmp_path / "boxes.csv")
    assert (tmp_path / "tracked.mp4").is_file()
    first, last = (tmp_path / "boxes.csv").read_text().splitlines()[1:]
    assert first.split(",")[6] == "1.0000"
    assert last.split(",")[2:7] == [""] * 5


def test_an_annotation_without_a_box_to_start_from_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "clip.csv").write_text("frame,x,y,w,h\n0,,,,\n1,0,0,10,10\n")
    assert main(["--clip", str(tmp_path / "clip.mp4"), "--out", str(tmp_path)]) == 2
    assert "first frame needs a box" in capsys.readouterr().err


def test_a_clip_that_is_not_there_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    missing = tmp_path / "gone.mp4"
    assert main(["--clip", str(missing), "--out", str(tmp_path)]) == 2
    assert "gone" in capsys.readouterr().err
