"""Checking image messages, and turning them into BGR."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import Image

from siamdw_ros.node.decoding import ImageDecoder
from siamdw_ros.node.decoding.raw import ENCODINGS, MAX_PIXELS, MAX_SIDE, check, image_message


def to_bgr(sent: Image) -> np.ndarray:
    """Decode the first image of a camera."""
    return ImageDecoder().image(sent, 0.0)


SCENE = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8), (0, 0), 4
)


def message(
    pixels: np.ndarray, encoding: str, height: int | None = None, padding: int = 0, **fields: int
) -> Image:
    """Put pixels into a message whose rows are `padding` bytes longer than they need to be."""
    rows = pixels.reshape(pixels.shape[0], -1)
    padded = np.pad(rows.view(np.uint8), ((0, 0), (0, padding)), constant_values=77)
    result = Image(
        encoding=encoding,
        height=height or pixels.shape[0],
        width=pixels.shape[1],
        step=padded.shape[1],
        data=padded.tobytes(),
    )
    for name, value in fields.items():
        setattr(result, name, value)
    return result


def nv12(image: np.ndarray, swapped: bool = False) -> np.ndarray:
    """Convert BGR to a plane of luma and one of interleaved chroma."""
    planar = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    height, width = image.shape[:2]
    chroma = planar[height:].reshape(2, -1)[:: -1 if swapped else 1]
    return np.vstack([planar[:height], chroma.T.reshape(height // 2, width)])


def packed(image: np.ndarray, luma_first: bool) -> np.ndarray:
    """Convert BGR to 4:2:2, YUYV with luma first, UYVY without."""
    yuv = cv2.cvtColor(image, cv2.COLOR_BGR2YUV)
    chroma = yuv[:, :, 1].copy()
    chroma[:, 1::2] = yuv[:, 0::2, 2]
    return np.dstack([yuv[..., 0], chroma] if luma_first else [chroma, yuv[..., 0]])


GREY = cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("bgr8", SCENE),
        ("8UC3", SCENE),
        ("rgb8", SCENE[..., ::-1].copy()),
        ("bgra8", np.dstack([SCENE, GREY])),
        ("rgba8", np.dstack([SCENE[..., ::-1], GREY])),
        ("8UC4", np.dstack([SCENE, GREY])),
    ],
)
def test_colour_encodings_come_out_exactly(
    encoding: str, pixels: np.ndarray, padding: int
) -> None:
    sent = message(pixels, encoding, padding=padding)
    assert check(sent) is None
    np.testing.assert_array_equal(to_bgr(sent), SCENE)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_is_the_same_in_all_channels(encoding: str) -> None:
    result = to_bgr(message(GREY, encoding, padding=3))
    np.testing.assert_array_equal(result, np.dstack([GREY] * 3))


@pytest.mark.parametrize("bigendian", [0, 1])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
def test_grey_that_fills_16_bits_keeps_its_high_byte(encoding: str, bigendian: int) -> None:
    grey = cv2.normalize(GREY, None, 0, 255, cv2.NORM_MINMAX)
    wide = (grey.astype(np.uint16) << 8 | 0x5A).astype(">u2" if bigendian else "<u2")
    result = to_bgr(message(wide, encoding, padding=4, is_bigendian=bigendian))
    np.testing.assert_array_equal(result, np.dstack([grey] * 3))


@pytest.mark.parametrize("bigendian", [0, 1])
@pytest.mark.parametrize(("darkest", "brightest"), [(0, 1023), (7000, 9000), (500, 516)])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
def test_narrow_16_bit_grey_is_spread_over_what_the_image_holds(
    encoding: str, darkest: int, brightest: int, bigendian: int
) -> None:
    ramp = np.linspace(darkest, brightest, 64 * 64).reshape(64, 64)
    wide = ramp.astype(">u2" if bigendian else "<u2")
    sent = message(wide, encoding, padding=2, is_bigendian=bigendian)
    assert check(sent) is None
    result = to_bgr(sent)[..., 0]
    assert result[0, 0] == 0
    assert result[-1, -1] == 255
    assert (np.diff(result.ravel().astype(int)) >= 0).all()
    assert len(np.unique(result)) >= min(brightest - darkest, 250) * 0.9


@pytest.mark.parametrize(
    ("encoding", "order", "alpha"),
    [
        ("bgr16", (0, 1, 2), None),
        ("rgb16", (2, 1, 0), None),
        ("bgra16", (0, 1, 2), 65535),
        ("rgba16", (2, 1, 0), 65535),
    ],
)
@pytest.mark.parametrize("bigendian", [0, 1])
def test_16_bit_colours_of_a_narrow_range_are_spread(
    encoding: str, order: tuple[int, ...], alpha: int | None, bigendian: int
) -> None:
    scene = cv2.normalize(SCENE, None, 0, 255, cv2.NORM_MINMAX)
    narrow = 7700 + scene[..., order].astype(np.uint16)
    if alpha is not None:
        narrow = np.dstack([narrow, np.full(scene.shape[:2], alpha, np.uint16)])
    wide = narrow.astype(">u2" if bigendian else "<u2")
    sent = message(wide, encoding, padding=4, is_bigendian=bigendian)
    assert check(sent) is None
    result = to_bgr(sent).astype(int)
    low, high = np.percentile(scene, (1, 99))
    expected = np.clip((scene - low) * 255 / (high - low), 0, 255)
    assert np.abs(result - expected).max() <= 2


def test_yuv422_takes_an_odd_height() -> None:
    odd = packed(SCENE[:23], luma_first=False)
    sent = message(odd, "yuv422")
    assert check(sent) is None
    assert np.abs(to_bgr(sent).astype(int) - SCENE[:23]).mean() < 6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(24, 32, 3), (24, 32)])
def test_an_image_survives_being_a_message(shape: tuple[int, ...], dtype: type) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    sent = image_message(image)
    assert check(sent) is None
    np.testing.assert_array_equal(np.frombuffer(sent.data, dtype).reshape(shape), image)
    high = (image // 256 if dtype is np.uint16 else image).astype(np.uint8)
    expected = high if len(shape) == 3 else np.dstack([high] * 3)
    np.testing.assert_array_equal(to_bgr(sent), expected)


def test_16uc1_of_one_value_has_no_contrast() -> None:
    assert np.ptp(to_bgr(message(np.full((9, 9), 1234, np.uint16), "16UC1"))) == 0


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("yuv422", packed(SCENE, luma_first=False)),
        ("uyvy", packed(SCENE, luma_first=False)),
        ("yuv422_yuy2", packed(SCENE, luma_first=True)),
        ("yuyv", packed(SCENE, luma_first=True)),
        ("nv12", nv12(SCENE)),
        ("nv21", nv12(SCENE, swapped=True)),
    ],
)
def test_yuv_comes_out_close_to_the_scene(encoding: str, pixels: np.ndarray) -> None:
    sent = message(pixels, encoding, height=SCENE.shape[0])
    assert check(sent) is None
    assert np.abs(to_bgr(sent).astype(int) - SCENE).mean() < 6


@pytest.mark.parametrize(
    ("dtype", "dark", "bright"),
    [
        ("u1", 0, 200),
        ("<u2", 0, 200 << 8),
        (">u2", 0, 200 << 8),
        ("<u2", 0, 900),  # 10 bits
        (">u2", 7700, 8000),
    ],
)
@pytest.mark.parametrize(
    ("pattern", "red"),
    [("rggb", (0, 0)), ("bggr", (1, 1)), ("gbrg", (1, 0)), ("grbg", (0, 1))],
)
def test_bayer_finds_the_red_cells(
    pattern: str, red: tuple[int, int], dtype: str, dark: int, bright: int
) -> None:
    wide = np.dtype(dtype).itemsize > 1
    mosaic = np.full((16, 16), dark, dtype)
    mosaic[red[0] :: 2, red[1] :: 2] = bright
    sent = message(mosaic, f"bayer_{pattern}{16 if wide else 8}", is_bigendian=int(">" in dtype))
    assert check(sent) is None
    blue, green, red_level = to_bgr(sent)[4:-4, 4:-4].reshape(-1, 3).mean(0)
    assert red_level > 150
    assert max(blue, green) < 20


def test_bgr8_is_a_view_of_the_message() -> None:
    sent = message(SCENE, "bgr8")
    assert np.shares_memory(to_bgr(sent), np.frombuffer(sent.data, np.uint8))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"encoding": "jpeg2000"}, "encoding 'jpeg2000' is not supported"),
        ({"encoding": ""}, "is not supported"),
        ({"width": 0}, "each side must be 1 to"),
        ({"height": MAX_SIDE + 1}, "each side must be 1 to"),
        ({"width": MAX_SIDE, "height": MAX_SIDE}, f"more than {MAX_PIXELS} px"),
        ({"step": 32 * 3 - 1}, "shorter than a row"),
        ({"height": 25}, "data has 2304 bytes"),
        ({"encoding": "nv12", "height": 23}, "needs an even height"),
        ({"encoding": "nv12", "width": 31}, "needs an even width"),
        ({"encoding": "yuv422", "width": 31}, "needs an even width"),
    ],
)
def test_a_malformed_message_is_rejected_with_the_reason(
    fields: dict[str, object], reason: str
) -> None:
    sent = message(SCENE, "bgr8")
    for name, value in fields.items():
        setattr(sent, name, value)
    problem = check(sent)
    assert problem is not None
    assert reason in problem


def test_text_of_a_message_is_abridged_and_printable() -> None:
    sent = message(SCENE, "bgr8")
    sent.encoding = "line\n" + 10**6 * "x"
    problem = check(sent)
    assert problem is not None
    assert len(problem) < 300
    assert problem.isprintable()


SIDES = st.one_of(st.integers(0, 40), st.sampled_from([MAX_SIDE, MAX_SIDE + 1, 2**32 - 1]))


@settings(deadline=None)  # a shared machine may stop for longer than any deadline
@given(
    encoding=st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=12)),
    width=SIDES,
    height=SIDES,
    step=st.one_of(st.integers(0, 300), st.just(2**32 - 1)),
    size=st.integers(0, 20_000),
    bigendian=st.integers(0, 255),
)
def test_any_message_is_either_refused_or_converted(
    encoding: str, width: int, height: int, step: int, size: int, bigendian: int
) -> None:
    sent = Image(
        encoding=encoding,
        width=width,
        height=height,
        step=step,
        data=bytes(size),
        is_bigendian=bigendian,
    )
    problem = check(sent)
    if problem is None:
        assert to_bgr(sent).shape == (height, width, 3)
    else:
        assert problem
