"""A window that shows frames, and in which targets are drawn with the mouse.

Tk, not OpenCV: OpenCV's wheels for servers have no windows, and those for desktops end the process
where there is no display.
"""

import time
from collections.abc import Callable
from typing import Any

import cv2

from siamdw_ros.siamdw.crops import Box, Image

LARGEST = (1280, 720)  # pixels of a frame on the screen; a larger one is shown smaller
LEAST = 4.0  # pixels of the image; a smaller box is a slip
POLL_SECONDS = 0.01
COLOR = "#009e73"
HELP = "drag: new target   space: pause   q: end"
HELP_PICK = "Draw a box around each target, then press Enter (Backspace: undo, Esc: end)"


class NoWindowError(RuntimeError):
    """There can be no window; the message states why."""


class Window:
    """The window.

    Args:
        title: Its title.

    Attributes:
        closed: Whether the user closed it.

    Raises:
        NoWindowError: There is no display or no Tk.
    """

    def __init__(self, title: str) -> None:
        try:
            import tkinter
        except ImportError:
            raise NoWindowError("Tk is missing: apt install python3-tk") from None
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise NoWindowError(f"no display: {error}") from None
        self.closed = False
        self._photo: Any = tkinter.PhotoImage
        self._shown: Any = None  # Tk does not hold the image that it shows
        self._title = title
        self._scale = 1.0
        self._paused = False
        self._entered = False
        self._from: tuple[int, int] | None = None
        self._boxes: list[Box] = []
        self._canvas = tkinter.Canvas(self._root, highlightthickness=0, cursor="crosshair")
        self._canvas.pack()
        self._bind()

    def _bind(self) -> None:
        events: dict[str, Callable[[Any], None]] = {
            "<ButtonPress-1>": self._on_press,
            "<B1-Motion>": self._on_drag,
            "<ButtonRelease-1>": self._on_release,
            "<Return>": lambda _: setattr(self, "_entered", True),
            "<space>": lambda _: setattr(self, "_paused", not self._paused),
            "<BackSpace>": self._on_undo,
            "<Escape>": self._on_close,
            "q": self._on_close,
        }
        for event, action in events.items():
            self._root.bind(event, action)
        self._root.protocol("WM_DELETE_WINDOW", lambda: self._on_close(None))

    def show(self, image: Image) -> list[Box]:
        """Show a frame; while the user draws or pauses, wait.

        Args:
            image: H x W x 3, uint8, BGR.

        Returns:
            Boxes that were drawn on it, (x, y, w, h) in pixels of the image.
        """
        self._put(image)
        self._root.title(f"{self._title}   {HELP}")
        self._root.update()
        while (self._paused or self._from) and not (self._boxes or self.closed):
            self._wait()
        boxes = self._boxes
        self._boxes = []
        return boxes

    def pick(self, image: Image) -> list[Box]:
        """Let the user draw boxes on an image until Enter.

        Returns:
            The boxes, (x, y, w, h) in pixels of the image; none if the window was closed.
        """
        self._put(image)
        self._root.title(HELP_PICK)
        self._entered = False
        while not ((self._entered and self._boxes) or self.closed):
            self._wait()
        boxes = [] if self.closed else self._boxes
        self._boxes = []
        return boxes

    def _wait(self) -> None:
        self._root.update()
        time.sleep(POLL_SECONDS)

    def _put(self, image: Image) -> None:
        height, width = image.shape[:2]
        self._scale = min(LARGEST[0] / width, LARGEST[1] / height, 1.0)
        width, height = round(width * self._scale), round(height * self._scale)
        shown = cv2.resize(image, (width, height)) if self._scale < 1 else image
        data = cv2.imencode(".ppm", shown)[1].tobytes()
        self._shown = self._photo(data=data, format="ppm")
        self._canvas.config(width=width, height=height)
        self._canvas.delete("all")
        self._canvas.create_image(0, 0, image=self._shown, anchor="nw")

    def _on_press(self, event: Any) -> None:
        self._from = (event.x, event.y)

    def _on_drag(self, event: Any) -> None:
        if self._from:
            self._canvas.delete("open")
            self._canvas.create_rectangle(
                *self._from, event.x, event.y, outline=COLOR, width=2, tags="open"
            )

    def _on_release(self, event: Any) -> None:
        if self._from is None:
            return
        x, y = self._from
        self._from = None
        self._canvas.delete("open")
        corners = (min(x, event.x), min(y, event.y), abs(event.x - x), abs(event.y - y))
        left, top, width, height = (value / self._scale for value in corners)
        if min(width, height) >= LEAST:
            self._boxes.append((left, top, width, height))
            self._canvas.create_rectangle(
                x, y, event.x, event.y, outline=COLOR, width=2, tags=f"box{len(self._boxes)}"
            )

    def _on_undo(self, _event: Any) -> None:
        if self._boxes:
            self._canvas.delete(f"box{len(self._boxes)}")
            self._boxes.pop()

    def _on_close(self, _event: Any) -> None:
        self.closed = True

    def close(self) -> None:
        """Destroy the window."""
        self._root.destroy()
