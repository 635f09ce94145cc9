"""track_video: what it finds is what the tracker finds, and mistakes are answered in one line."""

import contextlib
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

from siamdw_ros.evaluation import clip_reader
from siamdw_ros.evaluation.annotations import read_targets
from siamdw_ros.evaluation.clip_reader import frame_count, frame_rate, read_clip
from siamdw_ros.recordings.video_run import video_frames
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.siamdw import create_tracker
from siamdw_ros.tools.track_video import main

CLIPS = Path(__file__).parents[1] / "data" / "clips"
CLIP = CLIPS / "cup.mp4"
NO_PARAMETERS = Path(__file__).parents[2] / "config" / "training" / "tiny.yaml"
BOX = "306,124,108,260"


@pytest.fixture
def folder(images: list[np.ndarray], tmp_path: Path) -> Path:
    """Folder of images; written without loss, so that every reader returns the same pixels."""
    made = tmp_path / "frames"
    made.mkdir()
    for index, image in enumerate(images):
        cv2.imwrite(str(made / f"{index}.png"), image)
    return made


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: object) -> str:
        """Run the command, which must fail, and return the one line that it printed."""
        try:
            code = main([*map(str, arguments), "--headless"])
        except SystemExit as end:  # argparse's
            code = end.code
        assert code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("track_video: ")
        return line

    return run


@pytest.mark.usefixtures("one_engine")
def test_boxes_are_those_of_the_tracker(
    folder: Path, images: list[np.ndarray], tmp_path: Path
) -> None:
    csv = tmp_path / "boxes.csv"
    assert main([str(folder), "--box", f"cup={BOX}", "--csv", str(csv), "--headless"]) == 0
    tracker = create_tracker()
    tracker.init(images[0], (306.0, 124.0, 108.0, 260.0))
    expected = [tracker.track(image).box for image in images[1:]]
    frames, boxes = read_targets(csv)["cup"]
    assert frames.tolist() == list(range(len(images)))
    np.testing.assert_allclose(boxes[1:], expected, atol=0.02)  # written with two digits


@pytest.mark.usefixtures("one_engine")
def test_several_targets_start_on_their_own_frames(folder: Path, tmp_path: Path) -> None:
    given, csv, video = tmp_path / "given.csv", tmp_path / "out.csv", tmp_path / "out.mp4"
    given.write_text(
        "frame,target,x,y,w,h\n"
        "0,late,nan,nan,nan,nan\n2,late,306,124,108,260\n3,late,306,124,108,260\n"
        "1,early,400,100,60,60\n"
    )
    arguments = [folder, "--boxes", given, "--csv", csv, "--video", video, "--rate", 10]
    assert main([*map(str, arguments), "--headless"]) == 0
    found = read_targets(csv)
    assert found["early"][0].tolist() == list(range(1, 12))
    assert found["late"][0].tolist() == list(range(2, 12))
    assert frame_count(video) == 11
    assert frame_rate(video) == 10
    (height, width) = next(read_clip(video)).shape[:2]
    assert (width, height) == (640, 480)


def test_stamps_are_the_times_in_the_video(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    timed = [clip_reader.TimedFrame(pixels, seconds) for seconds in (0.0, 0.1, 0.5, 7.123456789)]
    monkeypatch.setattr(clip_reader, "read_timed", lambda *_: iter(timed))
    frames = list(video_frames("variable.mp4", 1, 30.0))
    assert [(frame.index, frame.seconds) for frame in frames] == [
        (1, 0.1),
        (2, 0.5),
        (3, 7.123456789),
    ]
    stamps = [nanoseconds(frame.message.header.stamp) for frame in frames]
    assert stamps == [10**8, 5 * 10**8, 7123456789]


@pytest.mark.usefixtures("one_engine")
def test_default_outputs_are_named_after_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    start = str(frame_count(CLIP) - 3)
    assert main([str(CLIP), "--point", "360,254", "--start", start, "--headless"]) == 0
    assert frame_count("cup_tracked.mp4") == 3
    assert len(Path("cup_tracked.csv").read_text().splitlines()) == 4
    assert "written: cup_tracked.mp4, cup_tracked.csv" in capsys.readouterr().out


class MotionJpeg(BaseHTTPRequestHandler):
    """A network camera that sends JPEG images for some seconds."""

    jpeg = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.jpeg)}\r\n\r\n"
        with contextlib.suppress(OSError):  # the client has seen enough
            for _ in range(100):
                self.wfile.write(head.encode() + self.jpeg + b"\r\n")
                time.sleep(0.05)  # the rate of the camera

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.usefixtures("one_engine")
def test_stream_is_tracked_until_it_ends(images: list[np.ndarray], tmp_path: Path) -> None:
    MotionJpeg.jpeg = cv2.imencode(".jpg", images[0])[1].tobytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), MotionJpeg)
    Thread(target=server.serve_forever, daemon=True).start()
    csv = tmp_path / "boxes.csv"
    url = f"http://127.0.0.1:{server.server_address[1]}/camera.mjpg"
    before = time.time()
    try:
        assert main([url, "--box", BOX, "--csv", str(csv), "--headless"]) == 0
    finally:
        server.shutdown()
        server.server_close()
    lines = csv.read_text().splitlines()[1:]
    assert len(lines) >= 2
    assert before < float(lines[0].split(",")[1]) < time.time()  # of this machine's clock
    assert all(line.endswith("TRACKED") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing.mp4", "--box", BOX], "nothing.mp4: there is no such file or folder"),
        ([__file__, "--box", BOX], "no video that OpenCV can read"),
        ([CLIP], "no target: give --box X,Y,W,H"),
        ([CLIP, "--box", "1,2,3"], "expected [NAME=]X,Y,W,H"),
        ([CLIP, "--box", "1,2,0,5"], "width and height must be above 0"),
        ([CLIP, "--box", "900,900,50,50"], "box"),
        ([CLIP, "--box", f"a={BOX}", "--box", f"a={BOX}"], "target a is given twice"),
        ([CLIP, "--box", BOX, "--start", "5000"], "frame 5000 was asked for"),
        ([CLIP, "--box", BOX, "-p", "devise:=cpu"], "did you mean device?"),
        ([CLIP, "--box", BOX, "-p", "tracked_score:=7"], "expected 0 to 1"),
        (
            [CLIP, "--box", BOX, "-p", "give_up_seconds:=7654321.5"],
            "is 7654321.5, expected 0 to 1000000",
        ),
        ([CLIP, "--box", BOX, "-p", "checkpoint:=nowhere.pt"], "nowhere.pt"),
        ([CLIP, "--box", BOX, "--params-file", __file__], "test_track_video.py: not YAML"),
        ([CLIP, "--box", BOX, "--params-file", NO_PARAMETERS], "no parameter file of ROS"),
        ([CLIP, "--box", BOX, "--video", CLIP], "this is the source"),
        ([CLIP, "--box", BOX, "--video", "/nowhere/x.mp4"], "/nowhere/x.mp4"),
        ([CLIP, "--boxes", __file__], "expected the columns frame, x, y, w, h"),
    ],
)
def test_mistakes_are_answered_in_one_line(
    arguments: list[object],
    reason: str,
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in refused(*arguments)
