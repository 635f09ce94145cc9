"""Every tool is a command."""

import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import siamdw_ros

SCRIPTS = distribution("siamdw_ros").entry_points.select(group="console_scripts")
TOOLS = [script for script in SCRIPTS if ".tools." in script.value]


def test_every_tool_can_be_run_by_its_name():
    tools = Path(siamdw_ros.__file__).parent / "tools"
    # A developer's tool, run from a clone.
    with_main = {path.stem for path in tools.glob("*.py") if "\ndef main(" in path.read_text()} - {
        "parameter_table"
    }
    assert with_main <= {script.name for script in SCRIPTS}
    nodes = {
        "tracker_node": "node.__main__",
        "respawning_tracker_node": "node.process.respawning",
        "target_pose": "following.target_pose",
        "follower": "following.follower",
        "panel": "panel.__main__",
        "simulation": "simulation.__main__",
        "mavlink_camera": "mavlink.__main__",
    }
    for script in SCRIPTS:
        module = nodes.get(script.name, f"tools.{script.name}")
        assert script.value == f"siamdw_ros.{module}:main"


@pytest.mark.parametrize("script", TOOLS, ids=lambda script: script.name)
def test_usage_of_a_tool_is_what_was_typed(script, monkeypatch, capsys):
    main, name = script.load(), script.name
    for typed, shown in (
        (f"install/lib/siamdw_ros/{name}", f"ros2 run siamdw_ros {name}"),
        (f"siamdw_ros/tools/{name}.py", f"python -m siamdw_ros.tools.{name}"),
    ):
        monkeypatch.setattr(sys, "argv", [typed, "--help"])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        assert capsys.readouterr().out.startswith(f"usage: {shown} ")
