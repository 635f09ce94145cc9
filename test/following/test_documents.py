"""The page agrees with the code."""

from pathlib import Path

import pytest
import yaml

from siamdw_ros.following.settings import FollowSettings, PoseSettings
from siamdw_ros.ros.parameters import parameters_of
from siamdw_ros.tools.parameter_table import table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", [FollowSettings, PoseSettings])
def test_the_page_has_every_parameter_as_it_is(kind) -> None:
    page = (ROOT / "docs" / "following.md").read_text()
    begin = f"<!-- settings: {kind.__name__} -->\n"
    assert page.split(begin)[1].split("<!-- end -->")[0].rstrip() == table(parameters_of(kind))


@pytest.mark.parametrize(
    ("node", "kind"), [("follower", FollowSettings), ("target_pose", PoseSettings)]
)
def test_the_configuration_names_existing_parameters_within_their_limits(node, kind) -> None:
    given = yaml.safe_load((ROOT / "config" / "follow.yaml").read_text())
    kind(**given[f"/**/{node}"]["ros__parameters"]).check()
