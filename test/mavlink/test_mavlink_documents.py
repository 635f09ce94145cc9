"""The page and the configuration agree with the code."""

import dataclasses
from pathlib import Path

import yaml

from siamdw_ros.mavlink.settings import MavlinkSettings
from siamdw_ros.ros.parameters import parameters_of
from siamdw_ros.tools.parameter_table import table

ROOT = Path(__file__).parents[2]


def test_the_page_has_every_parameter_as_it_is() -> None:
    page = (ROOT / "docs" / "mavlink.md").read_text()
    begin = f"<!-- settings: {MavlinkSettings.__name__} -->\n"
    assert page.split(begin)[1].split("<!-- end -->")[0].rstrip() == table(
        parameters_of(MavlinkSettings)
    )


def test_the_configuration_has_every_parameter_with_its_default() -> None:
    given = yaml.safe_load((ROOT / "config" / "mavlink.yaml").read_text())
    values = given["/**/mavlink_camera"]["ros__parameters"]
    assert values == dataclasses.asdict(MavlinkSettings())
    MavlinkSettings(**values).check()
