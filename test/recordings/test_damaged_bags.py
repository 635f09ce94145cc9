"""What can be read of bags that were cut off or damaged."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bags import BEGIN, image_lines, write_bag
from rclpy.serialization import serialize_message
from rosbags.rosbag2.storage_mcap import McapReader
from std_msgs.msg import String

from siamdw_ros.recordings.bag_reader import BagError, open_bag
from siamdw_ros.recordings.mcap_stream import CHANNEL, CHUNK, HEAD, MAGIC, MESSAGE, SCHEMA
from siamdw_ros.tools.track_bag import main

COUNT = 400
MEGABYTE = 2**20


def words(count: int = COUNT) -> list[tuple[str, str, int, String]]:
    """Return messages of 20 kB that compress badly."""
    random = np.random.default_rng(1)
    return [
        (
            "/noise",
            "std_msgs/msg/String",
            BEGIN + index * 10**6,
            String(data=random.bytes(10_000).hex()),
        )
        for index in range(count)
    ]


def cut(bag: Path, where: int) -> Path:
    """Cut the file of a bag, and remove the metadata, as a crash of the recorder leaves it."""
    (file,) = bag.glob("*.mcap")
    os.truncate(file, where)
    (bag / "metadata.yaml").unlink()
    return file


@pytest.mark.parametrize("share", [0.03, 0.31, 0.5, 0.77, 0.999])
def test_nothing_before_the_cut_is_lost(share: float, tmp_path: Path) -> None:
    lines = words()
    bag = write_bag(tmp_path / "bag", lines)
    (file,) = bag.glob("*.mcap")
    whole = file.read_bytes()
    where = int(share * len(whole))
    sent = [serialize_message(line[3]) for line in lines]
    before = [data for data in sent if whole.find(data) + len(data) <= where]
    assert len(before) > 0
    cut(bag, where)
    with open_bag(bag) as opened:
        assert "cut off" in opened.damage
        assert [record.data for record in opened.records()] == before
        assert list(opened.counts.values()) == [len(before)]


def test_chunk_that_is_cut_is_decompressed_as_far_as_it_goes(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", words(), "mcap zstd chunks")
    (file,) = bag.glob("*.mcap")
    reader = McapReader(file)
    reader.open()
    fourth = reader.chunks[3]
    counts = [sum(chunk.channel_count.values()) for chunk in reader.chunks]
    reader.close()
    # 95 % of the fourth chunk is there; zstd gives blocks of 128 kB, which six messages fill.
    cut(bag, fourth.chunk_start_offset + int(0.95 * fourth.chunk_length))
    with open_bag(bag) as opened:
        found = len(list(opened.records()))
    assert sum(counts[:3]) + 0.95 * counts[3] - 8 <= found < sum(counts[:4])


def test_file_without_metadata_is_read_to_its_end(tmp_path: Path) -> None:
    for form in ("mcap", "sqlite3"):
        bag = write_bag(tmp_path / form, words(20), form)
        (bag / "metadata.yaml").unlink()
        with open_bag(bag) as opened:
            assert "metadata.yaml" in opened.damage
            assert len(list(opened.records())) == 20
        (file,) = [path for path in bag.iterdir() if path.suffix in (".mcap", ".db3")]
        with open_bag(file) as opened:
            assert opened.damage == ""
            assert len(list(opened.records())) == 20


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("mcap", ["rec_{}"] * 12),
        ("sqlite3", ["rec_{}"] * 12),
        ("mcap", ["late_{}"] * 2 + ["early_{}"] * 2),
        ("cut", ["rec_{}"] * 12),
        ("cut", ["late_{}"] * 2 + ["early_{}"] * 2),
    ],
)
def test_files_without_metadata_are_read_in_the_order_of_their_times(
    form: str, names: list[str], tmp_path: Path
) -> None:
    """A recorder that was killed leaves rec_0.mcap to rec_11.mcap, the last one cut off."""
    split = tmp_path / "split"
    split.mkdir()
    text = String(data="a text")
    for part, name in enumerate(names):
        times = (BEGIN + 3 * part + i for i in range(3))
        lines = [("/a", "std_msgs/msg/String", time, text) for time in times]
        bag = write_bag(tmp_path / str(part), lines, "mcap" if form == "cut" else form)
        (file,) = [path for path in bag.iterdir() if path.suffix in (".mcap", ".db3")]
        copy = shutil.copy(file, split / f"{name.format(part)}{file.suffix}")
    if form == "cut":
        os.truncate(copy, copy.stat().st_size - 20)
    with open_bag(split) as opened:
        times = [record.time - BEGIN for record in opened.records()]
    assert times == list(range(3 * len(names)))


def test_damage_in_the_middle_ends_reading_and_is_reported(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", words(), "mcap zstd chunks")
    (file,) = bag.glob("*.mcap")
    with file.open("r+b") as open_file:
        open_file.seek(file.stat().st_size // 2)
        open_file.write(bytes(200_000))
    with open_bag(bag) as opened:
        found = len(list(opened.records()))
        assert 100 < found < 300
        assert opened.damage


@pytest.mark.parametrize("opcode", [SCHEMA, CHANNEL, MESSAGE, CHUNK])
def test_a_record_that_is_too_short_is_left_out_and_reported(opcode: int, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", words(3))
    (file,) = bag.glob("*.mcap")
    (bag / "metadata.yaml").unlink()
    os.truncate(file, file.stat().st_size - 20)  # without an index it is read from its beginning
    whole = file.read_bytes()
    short = HEAD.pack(opcode, 3) + b"123"
    file.write_bytes(whole[: len(MAGIC)] + short + whole[len(MAGIC) :])
    with open_bag(file) as opened:
        assert len(list(opened.records())) == 3
        assert opened.damage


@pytest.mark.parametrize("form", ["mcap", "mcap zstd chunks", "sqlite3"])
def test_a_damage_anywhere_is_reported_and_raises_nothing_else(form: str, tmp_path: Path) -> None:
    kind, text = "std_msgs/msg/String", String(data="a text")
    bag = write_bag(tmp_path / "bag", [("/text", kind, BEGIN + i, text) for i in range(20)], form)
    (file,) = [path for path in bag.iterdir() if path.suffix in (".mcap", ".db3")]
    whole = file.read_bytes()
    random = np.random.default_rng(1)
    outcomes = set()
    for trial in range(60):
        damaged = bytearray(whole)
        place = int(random.integers(len(MAGIC), len(whole)))
        damaged[place : place + 4] = random.bytes(4)
        file.write_bytes(damaged)
        try:
            with open_bag(bag if trial % 2 else file) as opened:
                outcomes.add(len(list(opened.records())))
        except BagError:
            outcomes.add(-1)
    assert len(outcomes) > 1


def test_hopeless_bags_are_refused(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", words(20), "sqlite3")
    (file,) = bag.glob("*.db3")
    os.truncate(file, 3000)
    with pytest.raises(BagError, match="damaged"), open_bag(bag):
        pass
    (tmp_path / "empty.mcap").write_bytes(b"")
    with (
        pytest.raises(BagError, match="damaged at its beginning"),
        open_bag(tmp_path / "empty.mcap"),
    ):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(BagError, match="no bag that can be read"), open_bag(tmp_path / "folder"):
        pass
    shutil.copytree(bag, tmp_path / "yaml")
    (tmp_path / "yaml" / "metadata.yaml").write_text("rosbag2_bagfile_information: 7")
    with pytest.raises(BagError), open_bag(tmp_path / "yaml"):
        pass


@pytest.mark.usefixtures("one_engine")
def test_images_before_the_cut_are_tracked(
    images: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, table = write_bag(tmp_path / "bag", image_lines(images)), tmp_path / "boxes.csv"
    (file,) = bag.glob("*.mcap")
    cut(bag, file.stat().st_size // 2)
    arguments = [bag, "--box", "306,124,108,260", "--csv", table, "--out", tmp_path / "out"]
    assert main([*map(str, arguments), "--headless"]) == 0
    with table.open() as lines:
        assert len(list(csv.DictReader(lines))) in (5, 6)
    with open_bag(tmp_path / "out") as opened:
        assert opened.damage == ""
    (warning,) = capsys.readouterr().err.strip().splitlines()
    assert "cut off or damaged at byte" in warning


# VmHWM is the peak since the start of the program. The peak that wait4 returns is at least that of
# the process that started it, here pytest with its messages.
TRACK_BAG = """
import sys
from siamdw_ros.tools.track_bag import main
code = main(sys.argv[1:])
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("VmHWM", peak.split()[1])
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_memory_does_not_grow_with_the_bag(tmp_path: Path) -> None:
    """Twice as long a bag takes no more memory, read, tracked and copied."""
    image = np.random.default_rng(1).integers(0, 255, (1080, 1920, 3), np.uint8)
    peaks = []
    for count in (40, 80):  # 250 and 500 MB
        bag = write_bag(tmp_path / f"bag{count}", image_lines([image] * count))
        command = [sys.executable, "-c", TRACK_BAG, str(bag), "--headless"]
        command += ["--box", "800,400,200,200", "--out", str(tmp_path / f"out{count}")]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        peaks.append(int(ended.stdout.rpartition("VmHWM")[2]) / 1024)
        shutil.rmtree(bag)
        shutil.rmtree(tmp_path / f"out{count}")
    print(f"peaks of {peaks} MiB")
    assert peaks[1] - peaks[0] < 60, peaks
