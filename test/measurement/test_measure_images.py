"""The command that measures what image messages cost."""

from siamdw_ros.measurement import images
from siamdw_ros.node.decoding.raw import ENCODINGS


def test_every_encoding_has_a_row_with_times(capsys, monkeypatch):
    monkeypatch.setattr(images, "SIZES", ((64, 48),))
    images.main(["--repeats", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in lines
        if "---" not in line
    ]
    rows = [row for row in rows if row[0] != "ms per image"]
    shown = ["drawing", "message, raw", "message, JPEG"]
    assert [name for name, _ in rows] == [*ENCODINGS, "JPEG", "PNG", *shown]
    assert all(float(time) > 0 for _, time in rows)
