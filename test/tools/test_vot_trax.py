"""A real TraX conversation, with the client that the VOT toolkit uses."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamdw_ros.evaluation.clip_reader import read_clip
from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.tools.vot_trax import main

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
START = (306, 124, 108, 260)
COMMAND = [sys.executable, "-m", "siamdw_ros.tools.vot_trax", "--device", "cpu"]
COMMAND += ["--set", "backend=torch"]  # which compiles nothing


def test_a_conversation(tmp_path: Path) -> None:
    trax = pytest.importorskip("trax", exc_type=ImportError)
    from trax.client import Client

    first, second = list(read_clip(CLIP))[:2]
    cv2.imwrite(str(tmp_path / "1.png"), first)
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        client = Client((server.stdin.fileno(), server.stdout.fileno()), timeout=120, log=str)
        assert client.tracker_name == "SiamDW"
        region = trax.Rectangle.create(*START)
        picture = trax.FileImage.create(str(tmp_path / "1.png"))
        client.initialize({"color": picture}, [(region, {})], {})
        encoded = cv2.imencode(".png", second)[1].tobytes()
        pictures = [
            trax.BufferImage.create(encoded),
            trax.MemoryImage.create(cv2.cvtColor(second, cv2.COLOR_BGR2RGB)),
        ]
        boxes = []
        for image in pictures:
            ((found, properties),), _ = client.frame({"color": image}, objects=[])
            boxes.append(found.bounds())
            assert 0 <= float(properties.get("confidence")) <= 1
        client.quit()
        server.stdin.close()
        assert server.wait(20) == 0
    assert overlap(boxes[0], START) > 0.8
    np.testing.assert_allclose(boxes[1], boxes[0], atol=5)


def test_without_a_toolkit_at_the_other_end_it_ends_with_one_line() -> None:
    pytest.importorskip("trax", exc_type=ImportError)
    ended = subprocess.run(
        COMMAND, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("vot_trax: ")


def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "trax", None)
    assert main([]) == 2
    assert "pip install vot-trax" in capsys.readouterr().err
