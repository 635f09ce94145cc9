"""What is wrong with the arguments or the files of a command becomes one line."""

import importlib
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

VIDEO = str(Path(__file__).parents[1] / "data" / "clips" / "juice.mp4")


def command(name: str, *arguments: object) -> int:
    """Run a command; return its exit code."""
    try:
        code = importlib.import_module(f"siamdw_ros.tools.{name}").main([*map(str, arguments)])
    except SystemExit as ended:
        code = ended.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("annotate VIDEO --port 99999", "99999: expected a whole number from 0 to 65535"),
        ("track_video VIDEO --port -1", "-1: expected a whole number from 0 to 65535"),
        ("evaluate VIDEO --jobs x", "x: expected a whole number of at least 1"),
        ("evaluate VIDEO --rate 0", "0: expected a number above 0"),
        ("evaluate VIDEO --worst -1", "-1: expected a whole number of at least 0"),
        ("export_onnx out --scales 0", "0: expected a whole number of at least 1"),
        ("label_video VIDEO o.zip --box 1,2,9,9 --every 0", "0: expected a whole number of at"),
        ("label_video VIDEO o.zip --box 1,2,9,9 --start -3", "-3: expected a whole number of at"),
        ("pack_boxes o.zip --tracks a.zip --every 0", "0: expected a whole number of at least 1"),
        ("pack_boxes o.zip --tracks a.zip --quality 0", "0: expected a whole number from 1 to 10"),
        ("pack_boxes o.zip", "no sources: give some by --tracks, --easy, --stills"),
        ("quantize a.pt VIDEO --out b.pt --windows 0", "0: expected a whole number of at least 1"),
        ("tune VIDEO --every 0", "0: expected a whole number of at least 1"),
        ("tune VIDEO --trials 0", "0: expected a whole number of at least 1"),
        ("tune VIDEO --seed -1", "-1: expected a whole number from 0 to"),
    ],
)
def test_numbers_that_a_command_cannot_use_are_refused(
    line: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *arguments = line.replace("VIDEO", VIDEO).split()
    assert command(name, *arguments) == 2
    assert expected in capsys.readouterr().err


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """A zip that `pack_boxes --tracks` takes."""
    return write_track(tmp_path / "track.zip", "file,x,y,w,h\n0.png,20,20,40,30\n")


def write_track(path: Path, table: str) -> Path:
    image = cv2.imencode(".png", np.full((100, 120, 3), 90, np.uint8))[1].tobytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.png", image)
        archive.writestr("groundtruth.csv", table)
    return path


def test_a_pack_stays_when_its_sources_cannot_be_read(
    track: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "pack.zip"
    assert command("pack_boxes", pack, "--tracks", track) == 0
    assert "tracks 1" in capsys.readouterr().out
    kept = pack.read_bytes()
    assert command("pack_boxes", pack, "--tracks", track, tmp_path / "nope.zip") == 2
    assert "nope.zip" in capsys.readouterr().err
    assert pack.read_bytes() == kept
    assert {path.name for path in tmp_path.iterdir()} == {"pack.zip", "track.zip"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("name,x,y,w,h\n0.png,1,2,30,40\n", "groundtruth.csv: expected lines of file,x,y,w,h"),
        ("file,x,y,w,h\n0.png,1,2,30\n", "expected lines of file,x,y,w,h, found 0.png,1,2,30"),
        ("file,x,y,w,h\n1.png,1,2,30,40\n", "no item named '1.png' in the archive"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(
    table: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    track = write_track(tmp_path / "track.zip", table)
    assert command("pack_boxes", tmp_path / "pack.zip", "--tracks", track) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"pack_boxes: {track}: ")
    assert expected in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "pack_boxes DIR/pack.zip --stills FILE",
        "pack_boxes DIR/pack.zip --photographs FILE",
        "pack_boxes DIR/pack.zip --cutouts FILE",
        "annotate VIDEO --csv FILE --list",
        "demo --clip VIDEO --truth FILE --out DIR",
        "export_onnx FILE",
        "parameter_table --yaml DIR/no/x.yaml",
        "quantize FILE VIDEO --out DIR/x.pt",
        "track_video VIDEO --point 1,2 -p model:=[ --headless",
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("keyframe: [\n0\n")
    places = {"VIDEO": VIDEO, "FILE": str(file), "DIR": str(tmp_path)}
    for place, path in places.items():
        line = line.replace(place, path)
    name, *arguments = line.split()
    assert command(name, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{name}: ")
    assert error.count("\n") == 1
