"""Every tool is a command."""

import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import siamdw_ros

SCRIPTS = distribution("siamdw_ros").entry_points.select(group="console_scripts")
TOOLS = [script for script in SCRIPTS if ".tools." in script.value]


def test_the_build_has_brought_the_interfaces():
    """A build with links, as make does it; the others are in test_colcon.py."""
    type_support = pytest.importorskip("rclpy.type_support", reason="needs ROS 2")
    from ament_index_python import get_package_prefix
    from siamdw_msgs import srv

    interfaces, package = (Path(get_package_prefix(one)) for one in ("siamdw_msgs", "siamdw_ros"))
    assert Path(srv.__file__).is_relative_to(interfaces)
    type_support.check_for_type_support(srv.StartTracking)
    assert (interfaces / "share" / "siamdw_msgs" / "srv" / "StartTracking.srv").is_file()
    assert (package / "share" / "siamdw_ros" / "clips" / "cup.mp4").is_file()
    assert (package / "lib" / "siamdw_ros" / "tracker_node").is_file()


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
