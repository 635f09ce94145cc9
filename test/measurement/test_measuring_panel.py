"""What the panel costs, and its pictures, measured with all real parts, if only for moments."""

import os
from collections.abc import Iterator

import cv2
import pytest
from isolation import restored_environment

from siamdw_ros.measurement import panel, panel_browser, panel_pictures
from siamdw_ros.measurement.panel_browser import missing_browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ros,
    pytest.mark.timeout(900),
    pytest.mark.skipif(missing_browser() is not None, reason=missing_browser() or ""),
]


@pytest.fixture
def own_domain() -> Iterator[None]:
    """Set a ROS domain for the command under test, which starts rclpy itself."""
    with restored_environment():
        os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
        yield


def test_one_command_writes_all_figures(own_domain, tmp_path, capsys):
    page = tmp_path / "panel.md"
    assert panel.main(["--rounds", "1", "--seconds", "2", "--out", str(page)]) == 0
    lines = page.read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    screen, clients = rows[:3], rows[3:]
    assert "ms to the screen" in " ".join(screen[0])
    assert {"panel % of a core", "browser % of a core"} <= set(screen[0])
    assert all(float(cell) >= 0 for cell in screen[2])
    assert [row[0] for row in clients[2:]] == ["0", "1", "4"]
    rate = clients[0].index("frames/s per client")
    assert [float(row[rate]) > 0 for row in clients[2:]] == [False, True, True]
    assert "browser % of a core" in capsys.readouterr().out


def test_pictures_show_the_whole_page_on_both_screens(own_domain, tmp_path):
    assert panel_pictures.main(["--folder", str(tmp_path)]) == 0
    assert cv2.imread(str(tmp_path / "panel_desktop.jpg")).shape == (720, 1280, 3)
    assert cv2.imread(str(tmp_path / "panel_phone.jpg")).shape == (1688, 780, 3)


def test_the_reason_is_printed_when_no_image_comes(own_domain, monkeypatch, capsys):
    monkeypatch.setattr(panel, "TRACKER", {"checkpoint": "/nowhere/weights.pt"})
    monkeypatch.setattr(panel_browser, "PATIENCE", 60.0)
    assert panel.main([]) == 1
    error = capsys.readouterr().err
    assert "panel: a first frame on the screen: not within 60 s" in error
    assert "tracker no tracker: no such checkpoint file" in error
