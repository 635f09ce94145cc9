"""Annotating over HTTP, as the page does, and in the terminal."""

import json
import math
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from siamdw_ros.evaluation.annotations import read_annotation, read_keyframes
from siamdw_ros.tools.annotate import LOCALHOST, Annotation, main, make_server


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A folder of ten pictures."""
    folder = tmp_path / "video"
    folder.mkdir()
    for i in range(10):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((80, 100, 3), 20 * i, np.uint8))
    return folder


@pytest.fixture
def address(video: Path) -> Iterator[str]:
    server = make_server(Annotation.open(video, video.with_suffix(".csv")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{LOCALHOST}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def ask(
    url: str, change: object = None, kind: str = "application/json", host: str | None = None
) -> Any:
    data = None if change is None else json.dumps(change).encode()
    headers = {"Content-Type": kind} | ({"Host": host} if host else {})
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content


def refusal(*arguments: Any, **options: Any) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(*arguments, **options)
    return caught.value.code, caught.value.read().decode()


def test_the_page_and_its_pictures(address: str) -> None:
    assert b"<canvas" in ask(f"{address}/")
    picture = cv2.imdecode(np.frombuffer(ask(f"{address}/frame/3.jpg"), np.uint8), 1)
    assert picture is not None
    assert picture.shape == (80, 100, 3)
    assert abs(int(picture[0, 0, 0]) - 60) < 3


def test_keyframes_are_interpolated_and_saved_at_once(address: str, video: Path) -> None:
    ask(f"{address}/keyframe", {"frame": 0, "box": [10, 10, 20, 20]})
    answer = ask(f"{address}/keyframe", {"frame": 4, "box": [30, 10, 20, 40]})
    assert answer["boxes"][2] == [20, 10, 20, 30]
    assert answer["keyframes"].keys() == {"0", "4"}
    answer = ask(f"{address}/keyframe", {"frame": 7, "box": None})
    assert answer["boxes"][6] == [30, 10, 20, 40]
    assert answer["boxes"][7:] == [None] * 3
    saved = video.with_suffix(".csv")
    boxes = read_annotation(saved)
    assert boxes[2] == (20, 10, 20, 30)
    assert math.isnan(boxes[9][0])
    assert list(read_keyframes(saved)) == [0, 4, 7]
    assert ask(f"{address}/annotation") == answer


def test_a_removed_keyframe_is_interpolated_again(address: str) -> None:
    for frame, x in ((0, 0), (2, 60), (4, 40)):
        ask(f"{address}/keyframe", {"frame": frame, "box": [x, 10, 20, 20]})
    answer = ask(f"{address}/keyframe", {"frame": 2, "remove": True})
    assert answer["boxes"][2] == [20, 10, 20, 20]


def test_bad_requests_are_refused_and_change_nothing(address: str, video: Path) -> None:
    post = f"{address}/keyframe"
    assert refusal(post, {"frame": 99, "box": [1, 1, 9, 9]})[0] == 400
    assert "at least 2 px" in refusal(post, {"frame": 1, "box": [1, 1, 0, 9]})[1]
    assert refusal(post, {"frame": 1, "box": [1, 1]})[0] == 400
    assert refusal(post, {"frame": 1, "box": "no"})[0] == 400
    assert refusal(post, [1])[0] == 400
    assert "no keyframe" in refusal(post, {"frame": 1, "remove": True})[1]
    assert refusal(post, {"frame": 1, "box": None}, kind="text/plain")[0] == 400
    for path in ("/frame/10.jpg", "/frame/-1.jpg", "/frame/..%2f.jpg", "/etc/passwd"):
        assert refusal(address + path)[0] == 404
    assert not video.with_suffix(".csv").exists()


def test_other_sites_are_refused(address: str) -> None:
    assert refusal(f"{address}/annotation", host="evil.example")[0] == 400


def test_only_this_machine_is_served(video: Path) -> None:
    with make_server(Annotation.open(video, video.with_suffix(".csv"))) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_the_terminal_does_the_same(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main([str(video), "--set", "0=1,2,30,40", "--set", "3=10,2,30,40", "--absent", "5"]) == 0
    )
    assert main([str(video), "--remove", "3", "--list"]) == 0
    assert capsys.readouterr().out.split() == ["0", "1.0", "2.0", "30.0", "40.0", "5", "absent"]
    assert read_annotation(video.with_suffix(".csv"))[3] == (1, 2, 30, 40)


def test_comments_survive(video: Path) -> None:
    file = video.with_suffix(".csv")
    file.write_text("# by hand\nframe,x,y,w,h,keyframe\n0,1,2,30,40,1\n")
    assert main([str(video), "--set", "3=10,2,30,40"]) == 0
    assert file.read_text().startswith("# by hand\n")


@pytest.mark.parametrize(
    "keyframe", ["nonsense", "x=1,2,30,40", "0=1,2,30", "0=1,2,nan,40", "50=1,2,3,4"]
)
def test_bad_options_are_reported(
    video: Path, keyframe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main([str(video), "--set", keyframe]))
    assert ended.value.code == 2
    assert "annotate: " in capsys.readouterr().err
    assert not video.with_suffix(".csv").exists()
