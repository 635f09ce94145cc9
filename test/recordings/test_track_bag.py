"""track_bag: the node's results, in every form of a bag."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bags import BEGIN, FORMATS, PERIOD, Line, image_lines, write_bag
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from siamdw_msgs.msg import TrackerStatus
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray

from siamdw_ros.evaluation.clip_reader import frame_count, frame_rate
from siamdw_ros.evaluation.node_process import TrackerProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.node.decoding import image_message
from siamdw_ros.node.publishers import jpeg_message
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.tools.track_bag import main

BOX = "306,124,108,260"


def contents(bag: Path) -> dict[str, list[tuple[int, bytes]]]:
    """Read time and data of each message, by topic."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    with Reader(bag) as reader:
        for connection, time, data in reader.messages():
            found.setdefault(connection.topic, []).append((time, bytes(data)))
    return found


def read(bag: Path, topic: str, kind: Any) -> list[Any]:
    """Read the messages of a topic."""
    return [deserialize_message(data, kind) for _, data in contents(bag)[topic]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def run(*arguments: object) -> int:
    return main([*map(str, arguments), "--headless"])


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def refuse(*arguments: object) -> str:
        """Run the command, which must fail, and return the last line that it printed."""
        assert run(*arguments) == 2
        *_, line = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("track_bag: ")
        return line

    return refuse


@pytest.mark.ros
@pytest.mark.usefixtures("one_engine")
def test_results_are_those_of_the_node_at_full_rate(
    images: list[np.ndarray], tmp_path: Path, ros_domain: None
) -> None:
    """Each image is sent when the node has finished the one before, so that it drops none."""
    lines = image_lines(images)
    log = tmp_path / "node.log"
    with TrackerProcess(log, parameters={"device": "cpu"}) as node, Robot(kept=None) as robot:

        def processed(stamp: int) -> bool:
            assert node.alive, node.output()
            return any(one.stamp == stamp for one in tuple(robot.statuses))

        robot.wait_until_active()  # images that were sent meanwhile would only slow it down
        message = lines[0][3]
        robot.wait(lambda: robot.send(message, BEGIN) and processed(BEGIN), "the first status")
        assert robot.start((306.0, 124.0, 108.0, 260.0), "cup").success
        for _, _, _, message in lines[1:]:
            stamp = robot.send(message, nanoseconds(message.header.stamp))
            robot.wait(lambda stamp=stamp: processed(stamp), f"the status of {stamp}")
        robot.wait(lambda: robot.detections[-1].stamp == stamp, "the last detections")
        expected = {one.stamp: one.message for one in robot.detections}
    for form in ("mcap", "sqlite3"):
        bag = write_bag(tmp_path / form, lines, form)
        out = tmp_path / f"out of {form}"
        assert run(bag, "--box", f"cup={BOX}", "--out", out) == 0
        found = read(out, "/siamdw_tracker/detections", Detection2DArray)
        assert len(found) == len(images)
        for one in found[1:]:  # the node's detections of the first image are from before the start
            assert one == expected[nanoseconds(one.header.stamp)], form


@pytest.mark.usefixtures("one_engine")
@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_a_bag_is_read(form: str, images: list[np.ndarray], tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", image_lines(images), form)
    table = tmp_path / "boxes.csv"
    assert run(bag, "--box", BOX, "--csv", table) == 0
    assert [int(row["frame"]) for row in rows(table)] == list(range(len(images)))
    assert float(rows(table)[1]["stamp"]) == pytest.approx((BEGIN + PERIOD) * 1e-9)


@pytest.mark.usefixtures("one_engine")
def test_new_bag_has_the_original_messages_and_the_results(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    words = [("/chatter", "std_msgs/msg/String", BEGIN + i, String(data=str(i))) for i in range(5)]
    lines = sorted([*image_lines(images), *words], key=lambda line: line[2])
    bag = write_bag(tmp_path / "bag", lines, "mcap zstd chunks")
    assert run(bag, "--box", BOX, "--out", tmp_path / "out", "--images") == 0
    before, after = contents(bag), contents(tmp_path / "out")
    for topic, messages in before.items():
        assert after[topic] == messages
    statuses = read(tmp_path / "out", "/siamdw_tracker/status", TrackerStatus)
    assert [s.processed for s in statuses] == list(range(1, len(images) + 1))
    assert statuses[-1].received == len(images)
    assert statuses[-1].latency_ms == pytest.approx(5.0, abs=0.1)  # stamp to recording
    assert statuses[-1].receive_rate == pytest.approx(1e9 / PERIOD, rel=0.5)
    drawn = after["/siamdw_tracker/debug_image/compressed"]
    assert len(drawn) == len(images)
    assert set(after) - set(before) == {
        f"/siamdw_tracker/{name}"
        for name in ("detection", "detections", "status", "debug_image/compressed")
    }


@pytest.mark.usefixtures("one_engine")
def test_results_are_recorded_at_the_very_time_of_their_image(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    """Floats of seconds since 1970 have steps of 238 ns: results could be before their image."""
    lines = image_lines(images)
    times = [time + 1037 * i for i, (_, _, time, _) in enumerate(lines)]
    exact = [(*line[:2], time, line[3]) for line, time in zip(lines, times, strict=True)]
    bag = write_bag(tmp_path / "bag", exact)
    assert run(bag, "--box", BOX, "--out", tmp_path / "out") == 0
    for topic in ("detection", "detections", "status"):
        found = contents(tmp_path / "out")[f"/siamdw_tracker/{topic}"]
        assert [time for time, _ in found] == times


@pytest.mark.usefixtures("one_engine")
@pytest.mark.parametrize("after", [0, 60])
@pytest.mark.parametrize("form", ["mcap", "sqlite3", "mcap zstd chunks", "cut"])
def test_video_has_the_rate_of_its_images(
    form: str, after: int, images: list[np.ndarray], tmp_path: Path
) -> None:
    """The camera was on for a part of the bag only."""
    words = [
        ("/chatter", "std_msgs/msg/String", BEGIN + i * 10**9, String(data=""))
        for i in range(-30, after)
    ]
    lines = sorted([*words, *image_lines(images)], key=lambda line: line[2])
    bag = write_bag(tmp_path / "bag", lines, "mcap" if form == "cut" else form)
    if form == "cut":
        (file,) = bag.glob("*.mcap")
        os.truncate(file, file.stat().st_size - 20)
        (bag / "metadata.yaml").unlink()
    video = tmp_path / "out.mp4"
    assert run(bag, "--box", BOX, "--video", video) == 0
    assert frame_rate(video) == pytest.approx(1e9 / PERIOD)
    assert frame_count(video) == len(images)


@pytest.mark.usefixtures("one_engine")
def test_results_of_a_bag_with_results_have_other_names(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "bag", image_lines(images[:2]))
    assert run(bag, "--box", BOX, "--out", tmp_path / "one") == 0
    assert run(tmp_path / "one", "--box", BOX, "--out", tmp_path / "two") == 0
    assert set(contents(tmp_path / "two")) - set(contents(tmp_path / "one")) == {
        f"/siamdw_tracker_2/{name}" for name in ("detection", "detections", "status")
    }


@pytest.mark.usefixtures("one_engine")
def test_compressed_images_are_tracked(images: list[np.ndarray], tmp_path: Path) -> None:
    lines: list[Line] = []
    for _, _, time, message in image_lines(images):
        jpeg = jpeg_message(np.frombuffer(message.data, np.uint8).reshape(images[0].shape))
        jpeg.header = message.header
        lines.append(("/image/compressed", "sensor_msgs/msg/CompressedImage", time, jpeg))
    table = tmp_path / "boxes.csv"
    bag = write_bag(tmp_path / "bag", lines)
    assert run(bag, "--point", "360,254", "--csv", table) == 0
    assert {row["state"] for row in rows(table)} == {"TRACKED"}


@pytest.mark.usefixtures("one_engine")
def test_images_are_tracked_in_the_order_of_their_stamps(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    lines = image_lines(images)
    times = [line[2] for line in lines]
    shuffled = [lines[i] for i in (0, 2, 1, 5, 4, 3, *range(6, len(lines)))]
    late = [(*line[:2], time, line[3]) for line, time in zip(shuffled, times, strict=True)]
    tables = tmp_path / "ordered.csv", tmp_path / "shuffled.csv"
    for table, recorded in zip(tables, (lines, late), strict=True):
        bag = write_bag(tmp_path / table.stem, recorded)
        assert run(bag, "--box", BOX, "--csv", table) == 0
    assert tables[0].read_text() == tables[1].read_text()


@pytest.mark.usefixtures("one_engine")
def test_in_real_time_images_are_dropped_and_counted(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    lines = image_lines(images)
    fast = [(*line[:2], BEGIN + i * 10**6, line[3]) for i, line in enumerate(lines)]  # 1 kHz
    bag, table, out = write_bag(tmp_path / "bag", fast), tmp_path / "boxes.csv", tmp_path / "out"
    assert run(bag, "--box", BOX, "--realtime", "--csv", table, "--out", out) == 0
    frames = [int(row["frame"]) for row in rows(table)]
    assert frames[0] == 0
    assert frames[-1] == len(images) - 1
    assert len(frames) < len(images)
    status = read(out, "/siamdw_tracker/status", TrackerStatus)[-1]
    assert status.processed + status.dropped == len(images)


@pytest.mark.usefixtures("one_engine")
def test_damaged_images_are_rejected_and_counted(
    images: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = image_lines(images[:6])
    lines[2] = (*lines[2][:3], b"\x00\x01\x00\x00garbage")
    lines[3][3].data = lines[3][3].data[:1000]
    lines[4][3].encoding = "yuv999"
    bag, out = write_bag(tmp_path / "bag", lines), tmp_path / "out"
    assert run(bag, "--box", BOX, "--out", out) == 0
    status = read(out, "/siamdw_tracker/status", TrackerStatus)[-1]
    assert (status.processed, status.rejected) == (3, 3)
    warnings = capsys.readouterr().err
    assert "no image in it" in warnings
    assert "1000 bytes" in warnings
    assert "yuv999" in warnings


@pytest.mark.usefixtures("one_engine")
def test_topics_without_definition_are_left_out(
    images: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = [("/odd", "nobody_msgs/msg/Odd", BEGIN, b"\x00\x01\x00\x00\x05\x00\x00\x00")]
    known = [("/own", "own_msgs/msg/Number", BEGIN, b"\x00\x01\x00\x00\x05\x00\x00\x00")]
    definitions = {"own_msgs/msg/Number": ("int32 data\n", "RIHS01_" + 64 * "5")}
    bag = write_bag(
        tmp_path / "bag", [*odd, *known, *image_lines(images[:2])], definitions=definitions
    )
    assert run(bag, "--box", BOX, "--out", tmp_path / "out") == 0
    after = contents(tmp_path / "out")
    assert after["/own"] == contents(bag)["/own"]
    assert "/odd" not in after
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "/odd" in one]
    assert "nobody_msgs/msg/Odd is neither in the bag nor installed" in line


def test_mistakes_are_answered_in_one_line(
    images: list[np.ndarray], tmp_path: Path, refused: Callable[..., str]
) -> None:
    pixels = image_message(images[0])
    two = [*image_lines(images[:1], "/a"), *image_lines(images[:1], "/b")]
    words: list[Line] = [("/chatter", "std_msgs/msg/String", BEGIN, String(data="x"))]
    other = {"sensor_msgs/msg/Image": ("int32 data\n", "RIHS01_" + 64 * "5")}
    bags = {
        "two": write_bag(tmp_path / "two", two),
        "words": write_bag(tmp_path / "words", words),
        "other": write_bag(tmp_path / "other", image_lines(images[:1]), definitions=other),
        "plain": write_bag(tmp_path / "plain", [*image_lines(images[:1]), *words]),
    }
    assert pixels.encoding == "bgr8"
    out = ("--out", tmp_path / "out")
    start = ("--box", BOX, *out)
    assert "there is no such bag" in refused(tmp_path / "nothing", *start)
    assert "several image topics: /a, /b" in refused(bags["two"], *start)
    assert "those with images are /a, /b" in refused(bags["two"], "--topic", "/c", *start)
    assert "no images in it, only /chatter" in refused(bags["words"], *start)
    assert "expected sensor_msgs/msg/Image" in refused(
        bags["plain"], "--topic", "/chatter", *start
    )
    assert "not that of this ROS" in refused(bags["other"], *start)
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0")
    assert "rosbags-convert" in refused(tmp_path / "old.bag", *start)
    assert "no bag that can be read" in refused(__file__, *start)


@pytest.mark.usefixtures("one_engine")
def test_refused_start_leaves_nothing_in_the_way(
    images: list[np.ndarray], tmp_path: Path, refused: Callable[..., str]
) -> None:
    bag, out = write_bag(tmp_path / "bag", image_lines(images[:3])), tmp_path / "out"
    assert "(900, 900)" in refused(bag, "--box", "900,900,50,50", "--out", out)
    assert "image 9 was asked for" in refused(bag, "--box", BOX, "--start", 9, "--out", out)
    assert "no target" in refused(bag, "--out", out)
    assert run(bag, "--box", BOX, "--out", out) == 0
    assert "no bag can be written there" in refused(bag, "--box", BOX, "--out", out)


def test_missing_rosbags_is_explained(
    tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bag.mcap").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "rosbags.rosbag2", None)
    assert "pip install rosbags" in refused(tmp_path / "bag.mcap", "--box", BOX)
