"""Boxes that are drawn in a browser."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

from siamdw_ros.recordings.picking import BoxPage

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def page() -> Iterator[BoxPage]:
    made = BoxPage(np.full((48, 64, 3), 90, np.uint8))
    yield made
    made.close()


def send(page: BoxPage, what: object, headers: dict[str, str] = JSON, path: str = "boxes") -> int:
    request = urllib.request.Request(page.address + path, json.dumps(what).encode(), headers)
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


def test_boxes_of_the_page_are_returned(page: BoxPage) -> None:
    assert send(page, [[1, 2, 30, 20], [5.5, 6, 7, 8]]) == 200
    assert page.wait() == [(1, 2, 30, 20), (5.5, 6, 7, 8)]


def test_page_shows_the_image(page: BoxPage) -> None:
    assert b"/frame.jpg" in urllib.request.urlopen(page.address, timeout=10).read()
    jpeg = urllib.request.urlopen(page.address + "frame.jpg", timeout=10).read()
    assert jpeg.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "sent", [[], [[1, 2, 3]], {"box": 1}, [["a", 1, 2, 3]], [[10**400, 1, 2, 3]], 5]
)
def test_unusable_boxes_are_refused(page: BoxPage, sent: object) -> None:
    assert send(page, sent) == 400


def test_other_sites_cannot_send_boxes(page: BoxPage) -> None:
    assert send(page, [[1, 2, 3, 4]], {"Content-Type": "text/plain"}) == 400
    assert send(page, [[1, 2, 3, 4]], JSON | {"Host": "evil.example"}) == 400
    assert send(page, [[1, 2, 3, 4]], path="elsewhere") == 404
