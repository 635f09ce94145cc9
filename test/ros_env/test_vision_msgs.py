"""Our definitions of vision_msgs must have upstream's type hashes."""

import json
import os
import shutil
from pathlib import Path

import pytest

from ros_env import messages
from ros_env.host import SetupError
from ros_env.layout import Layout

pytestmark = pytest.mark.skipif(
    "SIAMDW_ROS_VENV" not in os.environ or "ROS_DISTRO" not in os.environ,
    reason="not in the environment",
)


@pytest.fixture
def layout():
    layout = Layout(Path(os.environ["SIAMDW_ROS_VENV"]), os.environ["ROS_DISTRO"], wheels=True)
    if not (layout.venv / "share" / "vision_msgs").is_dir():
        pytest.skip("ROS 2 does not come from wheels here")
    return layout


def test_installed_types_are_upstreams(layout):
    messages.check_type_hashes(layout.venv / "share" / "vision_msgs" / "msg")


def test_every_hash_is_compared(layout, tmp_path):
    expected = json.loads((messages.PACKAGE / "type_hashes.json").read_text())
    for name in expected:
        altered = tmp_path / "altered.json"
        altered.write_text(json.dumps(expected | {name: "RIHS01_0"}))
        with pytest.raises(SetupError, match=f"vision_msgs/msg/{name} has type hash"):
            messages.check_type_hashes(layout.venv / "share" / "vision_msgs" / "msg", altered)


def test_wrong_definition_is_refused_before_it_is_compiled(layout, tmp_path, monkeypatch):
    package = tmp_path / "vision_msgs"
    shutil.copytree(messages.PACKAGE, package)
    (package / "msg" / "Point2D.msg").write_text("float32 x\nfloat32 y\n")
    monkeypatch.setattr(Layout, "state", property(lambda _: tmp_path))
    descriptions = messages.describe(layout, package, tmp_path / "build")
    with pytest.raises(SetupError, match="differs from vision_msgs"):
        messages.check_type_hashes(descriptions)
