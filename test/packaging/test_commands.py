"""Every tool is a command."""

from importlib.metadata import distribution
from pathlib import Path

import siamdw_ros


def test_every_tool_can_be_run_by_its_name():
    tools = Path(siamdw_ros.__file__).parent / "tools"
    # A developer's tool, run from a clone.
    with_main = {path.stem for path in tools.glob("*.py") if "\ndef main(" in path.read_text()} - {
        "parameter_table"
    }
    scripts = distribution("siamdw_ros").entry_points.select(group="console_scripts")
    assert with_main <= {script.name for script in scripts}
    nodes = {
        "tracker_node": "node.__main__",
        "respawning_tracker_node": "node.process.respawning",
        "target_pose": "following.target_pose",
        "follower": "following.follower",
        "panel": "panel.main",
        "simulation": "simulation.node",
        "mavlink_camera": "mavlink.main",
    }
    for script in scripts:
        module = nodes.get(script.name, f"tools.{script.name}")
        assert script.value == f"siamdw_ros.{module}:main"
