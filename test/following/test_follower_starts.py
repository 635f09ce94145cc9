"""Parameters with which the nodes do not start."""

from pathlib import Path

import pytest
from field import PATIENCE, node_process

pytestmark = pytest.mark.ros


@pytest.mark.parametrize(
    ("node", "parameter", "value", "reason"),
    [
        ("follower", "vehicle", "tank", "vehicle 'tank' is none of differential, omni"),
        ("follower", "max_speed", 99.0, "parameter max_speed is 99, expected 0 to 20"),
        ("target_pose", "use_depth", "maybe", "parameter use_depth needs true or false"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_in_one_line(
    ros_domain: None, tmp_path: Path, node: str, parameter: str, value: object, reason: str
) -> None:
    log = tmp_path / "node.log"
    with node_process(node, log, **{parameter: value}) as process:
        assert process.wait(PATIENCE) == 1
    (line,) = log.read_text().splitlines()
    assert line.startswith(f"{node}: {reason}")
