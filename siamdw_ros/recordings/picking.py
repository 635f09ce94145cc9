"""Picking targets with the mouse in a browser, where there is no display for a window."""

import threading
import webbrowser
from importlib import resources
from typing import Any

import cv2

from siamdw_ros.recordings.local_page import Content, make_local_server
from siamdw_ros.recordings.starts import Start
from siamdw_ros.siamdw.crops import Box, Image


class BoxPage:
    """A page that shows an image, and on which the user draws boxes.

    Args:
        image: H x W x 3, uint8, BGR.
        port: Port on 127.0.0.1; 0: a free one.

    Attributes:
        address: Address of the page.
    """

    def __init__(self, image: Image, port: int = 0) -> None:
        self._jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        self._boxes: list[Box] = []
        self._drawn = threading.Event()
        self._server = make_local_server(self._page, self._on_boxes, port)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _page(self, path: str) -> Content:
        if path == "/frame.jpg":
            return "image/jpeg", self._jpeg
        if path != "/":
            raise LookupError(path)
        page = resources.files("siamdw_ros") / "recordings" / "pick.html"
        return "text/html; charset=utf-8", page.read_bytes()

    def _on_boxes(self, path: str, sent: Any) -> Content:
        if path != "/boxes":
            raise LookupError(path)
        boxes = [(float(x), float(y), float(w), float(h)) for x, y, w, h in sent]
        if not boxes:
            raise ValueError("draw a box first")
        self._boxes = boxes
        self._drawn.set()
        return "text/plain", b"ok"

    def wait(self) -> list[Box]:
        """Wait until boxes were drawn; return them, (x, y, w, h) in pixels of the image."""
        while not self._drawn.wait(0.2):  # in steps, so that Ctrl-C is noticed
            pass
        return self._boxes

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()


def pick_in_browser(image: Image, port: int) -> list[Start]:
    """Let the user draw boxes on a page, and return them as targets."""
    page = BoxPage(image, port)
    try:
        print(f"Draw the targets on {page.address}", flush=True)
        webbrowser.open(page.address)
        return [Start("", box) for box in page.wait()]
    finally:
        page.close()
