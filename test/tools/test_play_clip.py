"""The clip player as a camera, over DDS."""

import csv
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import psutil
import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from siamdw_ros.node.decoding import ImageDecoder
from siamdw_ros.node.decoding.raw import check
from siamdw_ros.node.process.with_parent import module_command
from siamdw_ros.tools.play_clip import DEFAULT_TOPIC

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


def player(*arguments: str) -> "subprocess.Popen[str]":
    """Start the player as a process."""
    command = module_command("siamdw_ros.tools.play_clip", arguments)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def viewer(ros_domain: None) -> Iterator[Node]:
    node = rclpy.create_node("viewer")
    yield node
    node.destroy_node()


def spin(node: Node, condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Receive until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        rclpy.spin_once(node, timeout_sec=0.1)


def end(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Interrupt a player as Ctrl-C does, and return what it wrote."""
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors
    return out, errors


def test_a_folder_of_pictures_arrives_frame_by_frame(tmp_path: Path, viewer: Node) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (24, 32, 3), dtype=np.uint8) for _ in range(12)]
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    received: list[Image] = []
    viewer.create_subscription(Image, DEFAULT_TOPIC, received.append, QoSProfile(depth=100))
    play = viewer.create_client(Trigger, "/clip_player/play")
    log = tmp_path / "sent.csv"
    process = player(str(folder), "--paused", "--rate", "50", "--log", str(log))
    spin(viewer, lambda: received and play.service_is_ready())
    play.call_async(Trigger.Request())
    spin(viewer, lambda: process.poll() is not None)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "(32x24, bgr8, 50 frames/s, 12 frames) on topic /camera/image_raw" in out
    assert "/clip_player/play std_srvs/srv/Trigger" in out
    assert "12 frames published" in out
    with log.open() as file:
        sent = {int(row["stamp_ns"]): int(row["frame"]) for row in csv.DictReader(file)}
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in received]
    assert set(stamps) <= set(sent)
    assert [frame for frame in sent.values() if frame >= 0] == list(range(len(pictures)))
    assert len(received) >= 2
    for stamp, message in zip(stamps, received, strict=True):
        assert check(message) is None
        image = ImageDecoder().image(message, 0.0)
        np.testing.assert_array_equal(image, pictures[max(sent[stamp], 0)])


def test_16_bit_pictures_are_published_with_all_their_bits(tmp_path: Path, viewer: Node) -> None:
    values = np.linspace(7700, 8000, 24 * 32).astype(np.uint16).reshape(24, 32)
    cv2.imwrite(str(tmp_path / "0.png"), values)
    received: list[Image] = []
    viewer.create_subscription(Image, "thermal/image_raw", received.append, 10)
    process = player(str(tmp_path), "--loop", "--topic", "thermal/image_raw")
    spin(viewer, lambda: received)
    end(process)
    assert received[0].encoding == "mono16"
    sent = np.frombuffer(received[0].data, np.uint16).reshape(24, 32)
    np.testing.assert_array_equal(sent, values)


def test_the_calibration_fits_the_images_and_their_headers(viewer: Node) -> None:
    images: list[Image] = []
    infos: list[CameraInfo] = []
    viewer.create_subscription(Image, "/front/image_raw", images.append, 50)
    viewer.create_subscription(CameraInfo, "/front/camera_info", infos.append, 50)
    process = player(
        str(CLIP),
        "--loop",
        "--topic",
        "/front/image_raw",
        "--camera-info",
        "--field-of-view",
        "90",
    )
    spin(viewer, lambda: images and infos)
    out, _ = end(process)
    assert "calibration on /front/camera_info" in out
    info = infos[-1]
    assert (info.width, info.height, info.header.frame_id) == (640, 480, "camera")
    assert info.k[0] == pytest.approx(320.0)  # 90 degrees: half the width
    assert (info.k[2], info.k[5]) == (319.5, 239.5)
    spin(
        viewer,
        lambda: {str(i.header.stamp) for i in images} & {str(i.header.stamp) for i in infos},
    )


def test_a_stream_from_a_url_is_played_as_it_comes(viewer: Node) -> None:
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(CLIP.parent))
    )
    thread = Thread(target=server.serve_forever)
    thread.start()
    received: list[Image] = []
    viewer.create_subscription(Image, DEFAULT_TOPIC, received.append, 10)
    process = player(f"http://127.0.0.1:{server.server_port}/{CLIP.name}", "--loop")
    try:
        spin(viewer, lambda: len(received) > 5)
        out, _ = end(process)
    finally:
        process.kill()
        server.shutdown()
        thread.join()
        server.server_close()
    assert "at the rate of the source" in out


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_the_clip(viewer: Node) -> None:
    received: list[int] = []
    viewer.create_subscription(Image, DEFAULT_TOPIC, lambda _: received.append(1), 10)
    process = player(str(CLIP), "--loop", "--rate", "200")
    spin(viewer, lambda: len(received) > 50)
    before = psutil.Process(process.pid).memory_info().rss
    spin(viewer, lambda: len(received) > 350)  # 300 MB as BGR
    grown = psutil.Process(process.pid).memory_info().rss - before
    end(process)
    assert grown < 60e6


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["gone.mp4"], "gone.mp4: there is no such file or folder"),
        (["."], "no image in this folder"),
        (["text"], "no video that OpenCV can read"),
        ([str(CLIP), "--rate", "-5"], "-5: expected a number above 0"),
        ([str(CLIP), "--rate", "nan"], "nan: expected a number above 0"),
        ([str(CLIP), "--log", "gone/sent.csv"], "gone/sent.csv"),
        (["rtsp://camera/1", "--paused"], "a live source cannot wait"),
    ],
)
def test_what_cannot_be_played_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    (tmp_path / "text").write_text("neither a video nor an image")
    monkeypatch.chdir(tmp_path)
    process = player(*arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = errors.strip().splitlines()
    assert line.startswith("play_clip: ")
    assert reason in line


@pytest.mark.parametrize("loaded", ["/rclpy/", "/numpy/", "/cv2/", "librmw_"])
def test_ctrl_c_while_it_loads_ends_it_cleanly(loaded: str) -> None:
    process = player(str(CLIP))
    maps = Path(f"/proc/{process.pid}/maps")
    while loaded not in maps.read_text():
        assert process.poll() is None
    end(process)


def test_ctrl_c_while_it_plays_leaves_a_whole_log(tmp_path: Path, viewer: Node) -> None:
    received: list[Image] = []
    viewer.create_subscription(Image, DEFAULT_TOPIC, received.append, 10)
    log = tmp_path / "sent.csv"
    process = player(str(CLIP), "--log", str(log))
    spin(viewer, lambda: len(received) > 3)
    out, _ = end(process)
    lines = log.read_text().splitlines()
    assert lines[0] == "frame,stamp_ns"
    assert f"{len(lines) - 1} frames published" in out
