"""Commands from the network, and frames to it."""

import json
import struct

import pytest

from siamdw_ros.panel.protocol import (
    Hold,
    Next,
    ProtocolError,
    Start,
    Stop,
    Watch,
    number,
    pack_frame,
    parse,
)

START = {
    "type": "start",
    "request": 1,
    "camera": "front",
    "stamp": [5, 6],
    "box": [1, 2.5, 30, 40],
    "target": "",
    "seconds": 0,
}


def test_commands() -> None:
    assert parse('{"type": "next"}') == Next()
    assert parse('{"type": "watch", "camera": "front"}') == Watch("front")
    assert parse('{"type": "stop", "request": 2, "target": "a"}') == Stop(2, "a")
    assert parse('{"type": "hold", "pressed": false}') == Hold(False)
    assert parse('{"type": "hold", "pressed": true, "tick": null}') == Hold(True)
    assert parse('{"type": "hold", "pressed": true, "tick": 5000000000}') == Hold(True, 5 * 10**9)
    assert parse(json.dumps(START)) == Start(1, "front", (5, 6), (1, 2.5, 30, 40), "", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"request": -1},
        {"request": True},
        {"request": "1"},
        {"camera": 5},
        {"camera": "x" * 65},
        {"camera": "a\n"},
        {"target": None},
        {"stamp": [1]},
        {"stamp": [1, 10**9]},
        {"stamp": [2**31, 0]},
        {"stamp": [1.5, 0]},
        {"stamp": "12"},
        {"box": [1, 2, 3]},
        {"box": [1, 2, 3, float("nan")]},
        {"box": [1, 2, 3, float("inf")]},
        {"box": [1, 2, 3, 1e9]},
        {"box": [1, 2, 3, 10**400]},
        {"box": [1, 2, 3, "four"]},
        {"box": None},
        {"seconds": -1},
        {"seconds": 1.5},
        {"seconds": 10**6},
        {"type": "delete"},
        {"type": []},
    ],
)
def test_what_the_page_never_sends_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        parse(json.dumps({**START, **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "5", '"next"', "{}", "[" * 1900])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse(text)


@pytest.mark.parametrize("tick", ["-1", "1.5", "true", '"1"', "1e400", "9007199254740993"])
def test_a_tick_that_the_panel_never_sends_is_refused(tick: str) -> None:
    with pytest.raises(ProtocolError):
        parse(f'{{"type": "hold", "pressed": true, "tick": {tick}}}')


def test_a_frame_is_a_head_and_a_jpeg() -> None:
    packed = pack_frame({"stamp": [1, 2], "name": "é"}, b"\xff\xd8jpeg")
    (length,) = struct.unpack("<I", packed[:4])
    assert json.loads(packed[4 : 4 + length]) == {"stamp": [1, 2], "name": "é"}
    assert packed[4 + length :] == b"\xff\xd8jpeg"


def test_numbers_that_json_lacks_become_null() -> None:
    assert [number(value, 1) for value in (1.26, float("nan"), float("inf"))] == [1.3, None, None]
