"""Which encodings go to cv_bridge, and the rejection where it is not installed."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from siamdw_ros.node.decoding import ImageDecoder, UndecodableError, cv_bridge_encodings, raw

DEPTH = np.linspace(1.0, 5.0, 48 * 64, dtype=np.float32).reshape(48, 64)


def depth_message() -> Image:
    return Image(encoding="32FC1", width=64, height=48, step=4 * 64, data=DEPTH.tobytes())


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    """Look for cv_bridge anew in each test."""

    def forget() -> None:
        cv_bridge_encodings._bridge.cache_clear()
        cv_bridge_encodings._layout.cache_clear()

    forget()
    yield
    forget()


def install(monkeypatch: pytest.MonkeyPatch, bridge: type) -> None:
    """Put a stand-in of cv_bridge where Python finds it first."""
    package, boost = ModuleType("cv_bridge"), ModuleType("cv_bridge.boost")
    package.CvBridge = bridge  # type: ignore[attr-defined]
    boost.cv_bridge_boost = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cv_bridge", package)
    monkeypatch.setitem(sys.modules, "cv_bridge.boost", boost)


class FloatsOnly:
    """Answers as cv_bridge does for 32FC1, and for an encoding that it does not support."""

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        if encoding != "32FC1":
            raise TypeError(f"Unrecognized image encoding [{encoding}]")
        return "float32", 1

    def imgmsg_to_cv2(self, message: Image, target: str) -> np.ndarray:
        assert message.encoding not in raw.ENCODINGS
        if target != "passthrough":
            raise TypeError("[32FC1] is not a color format. but [bgr8] is.")
        values = np.frombuffer(message.data, np.float32)
        return values.reshape(message.height, message.width)


def test_without_cv_bridge_the_rejection_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv_bridge", None)  # as if it were not installed
    problem = raw.check(depth_message())
    assert problem is not None
    assert "'32FC1' is not supported" in problem
    assert "cv_bridge, which converts more encodings, is not installed" in problem


def test_a_cv_bridge_for_another_numpy_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FloatsOnly)
    monkeypatch.setitem(sys.modules, "cv_bridge.boost", None)
    assert raw.check(depth_message()) is not None


def test_an_encoding_that_only_cv_bridge_supports_goes_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, FloatsOnly)
    assert raw.check(depth_message()) is None
    image = ImageDecoder().image(depth_message(), 0.0)
    assert image.shape == (48, 64, 3)
    assert image[0, 0, 0] == 0
    assert image[-1, -1, 0] == 255


@pytest.mark.parametrize("encoding", sorted(raw.ENCODINGS))
def test_our_own_encodings_never_reach_it(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("cv_bridge was asked")

    monkeypatch.setattr(cv_bridge_encodings, "_bridge", never)
    known = raw.ENCODINGS[encoding]
    step = 64 * known.channels * np.dtype(known.dtype).itemsize
    sent = Image(encoding=encoding, width=64, height=48, step=step)
    sent.data = bytes(int(step * 48 * known.rows))
    assert raw.check(sent) is None
    assert ImageDecoder().image(sent, 0.0).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"encoding": "jpeg2000"}, "cv_bridge does not know it either"),
        ({"encoding": 2 * "32FC1" * 20}, "cv_bridge does not know it either"),
        ({"step": 4 * 64 + 1}, "not a multiple"),
        ({"width": 65}, "shorter than a row"),
        ({"height": 49}, "bytes, but"),
    ],
)
def test_it_gets_sound_messages_only(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], reason: str
) -> None:
    install(monkeypatch, FloatsOnly)
    sent = depth_message()
    for name, value in fields.items():
        setattr(sent, name, value)
    assert reason in (raw.check(sent) or "")


def test_what_it_raises_rejects_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FloatsOnly):
        def imgmsg_to_cv2(self, message: Image, target: str) -> np.ndarray:
            raise AttributeError("newbyteorder")  # NumPy 2 and big-endian values

    install(monkeypatch, Broken)
    with pytest.raises(UndecodableError, match="newbyteorder"):
        ImageDecoder().image(depth_message(), 0.0)


def test_the_real_one_converts_depth_and_signed_values() -> None:
    pytest.importorskip("cv_bridge.boost.cv_bridge_boost", reason="cv_bridge is not installed")
    signed = (DEPTH * 100 - 300).astype(np.int16)
    grey = Image(encoding="16SC1", width=64, height=48, step=2 * 64, data=signed.tobytes())
    for sent in (depth_message(), grey):
        assert raw.check(sent) is None
        image = ImageDecoder().image(sent, 0.0)
        assert image[0, 0, 0] == 0
        assert image[-1, -1, 0] == 255
