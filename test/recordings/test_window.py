"""The window, on a display without a screen (Xvfb), with a mouse that xdotool moves.

Each window is in a process of its own: Tk ends the process whose display goes away.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from siamdw_ros.recordings.window import NoWindowError, Window

MISSING = [tool for tool in ("Xvfb", "xdotool") if not shutil.which(tool)]
PROGRAM = """
import json, subprocess, sys
import numpy as np
from siamdw_ros.recordings.window import Window
window = Window("test")
image = np.full(({height}, {width}, 3), 90, np.uint8)
window.show(image)
hand = subprocess.Popen(["xdotool", *sys.argv[1].split()])
boxes = []
if "{method}" == "pick":
    boxes = window.pick(image)
while "{method}" == "show" and not boxes:
    boxes = window.show(image)
print(json.dumps([boxes, window.show(image), window.closed]))
hand.wait()
"""
BOX = (
    "sleep 0.3 mousemove 40 30 mousedown 1 sleep 0.2 mousemove 60 50 sleep 0.2 "
    "mousemove 140 110 sleep 0.2 mouseup 1 sleep 0.2 "
)
OTHER = "mousemove 200 150 mousedown 1 sleep 0.2 mousemove 190 130 sleep 0.2 mouseup 1 sleep 0.2 "


@pytest.fixture
def display() -> Iterator[str]:
    if MISSING:
        pytest.skip(f"needs {' and '.join(MISSING)}")
    pytest.importorskip("tkinter")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, pass_fds=[write], stdout=quiet, stderr=quiet)
    os.close(write)
    with os.fdopen(read) as number:
        yield f":{number.readline().strip()}"
    server.terminate()
    server.wait()


@pytest.fixture
def drawn(display: str) -> Callable[..., Any]:
    def run(hand: str, method: str, width: int = 320, height: int = 240) -> Any:
        """Open a window, let xdotool act, and return the boxes, later ones, and if it closed."""
        program = PROGRAM.format(width=width, height=height, method=method)
        return json.loads(
            subprocess.run(
                [sys.executable, "-c", program, hand],
                env=os.environ | {"DISPLAY": display},
                check=True,
                capture_output=True,
                timeout=60,
            ).stdout
        )

    return run


def test_boxes_are_drawn_until_enter(drawn: Callable[..., Any]) -> None:
    boxes, later, closed = drawn(BOX + OTHER + "key Return", "pick")
    assert boxes == [[40, 30, 100, 80], [190, 130, 10, 20]]
    assert (later, closed) == ([], False)


def test_last_box_can_be_undone(drawn: Callable[..., Any]) -> None:
    boxes, _, _ = drawn(BOX + OTHER + "key BackSpace key Return", "pick")
    assert boxes == [[40, 30, 100, 80]]


def test_box_on_a_large_image_is_in_its_own_pixels(drawn: Callable[..., Any]) -> None:
    boxes, _, _ = drawn(BOX + "key Return", "pick", 2560, 1440)  # shown at half its size
    assert boxes == [[80, 60, 200, 160]]


def test_video_waits_while_a_box_is_drawn(drawn: Callable[..., Any]) -> None:
    boxes, later, _ = drawn(BOX, "show")
    assert boxes == [[40, 30, 100, 80]]
    assert later == []


def test_window_that_is_closed_gives_no_boxes(drawn: Callable[..., Any]) -> None:
    boxes, _, closed = drawn(BOX + "key q", "pick")
    assert (boxes, closed) == ([], True)


def test_without_display_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(NoWindowError, match=r"no display|python3-tk"):
        Window("test")
