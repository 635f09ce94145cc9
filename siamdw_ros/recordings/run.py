"""A run through a recording, one frame after the other, and its user."""

import contextlib
import sys
from collections.abc import Sequence

from siamdw_msgs.srv import StartTracking
from tqdm import tqdm

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.services import RefusedError
from siamdw_ros.recordings.outputs import Outputs, annotated
from siamdw_ros.recordings.picking import pick_in_browser
from siamdw_ros.recordings.starts import Start
from siamdw_ros.recordings.tracking import Tracking
from siamdw_ros.recordings.window import NoWindowError, Window
from siamdw_ros.siamdw.crops import Image


class Run:
    """Tracks frame by frame, shows what was found and writes it.

    Args:
        tracking: The tracker.
        outputs: Where results are written.
        window: Where they are shown; what the user draws there is tracked from then on.
    """

    def __init__(self, tracking: Tracking, outputs: Outputs, window: Window | None) -> None:
        self._tracking = tracking
        self._outputs = outputs
        self._window = window

    @property
    def ended(self) -> bool:
        """Whether the user closed the window."""
        return self._window is not None and self._window.closed

    def step(
        self, index: int, frame: Frame, requests: Sequence[StartTracking.Request]
    ) -> FrameResult | None:
        """Track through one frame.

        Args:
            index: Index of the frame.
            frame: The frame.
            requests: Targets to start on it.

        Returns:
            What it showed; None if it is damaged inside.

        Raises:
            RefusedError: A target cannot be started. One that was drawn only causes a warning.
        """
        result = self._tracking.process(frame, requests)
        if result is None:
            return None
        drawn = None
        if self._window:
            drawn = annotated(result, index)
            for box in self._window.show(drawn):
                try:
                    result = self._tracking.process(frame, [Start("", box).request()]) or result
                except RefusedError as reason:
                    warn(str(reason))
                drawn = annotated(result, index)
        self._outputs.add(index, result, drawn)
        return result


def open_window(title: str, stack: contextlib.ExitStack) -> Window | None:
    """Open a window where there is a display; it is closed with the stack."""
    try:
        window = Window(title)
    except NoWindowError as reason:
        print(f"No window: {reason}", file=sys.stderr)
        return None
    stack.callback(window.close)
    return window


def pick(image: Image, window: Window | None, port: int) -> list[Start]:
    """Let the user draw the targets: in the window, else in the browser.

    Args:
        image: H x W x 3, uint8, BGR.
        window: The window, if there is one.
        port: Port of the page in the browser.

    Raises:
        ValueError: There is no user, or nothing was drawn.
    """
    starts = []
    if window:
        starts = [Start("", box) for box in window.pick(image)]
    elif sys.stdin.isatty():
        starts = pick_in_browser(image, port)
    if not starts:
        raise ValueError("no target: give --box X,Y,W,H, --point X,Y or --boxes CSV, or draw one")
    return starts


def warn(text: str) -> None:
    """Print a warning, above a progress bar."""
    tqdm.write(f"warning: {text}", file=sys.stderr)
