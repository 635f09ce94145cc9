"""The parameter file and the table are those of the declarations."""

from pathlib import Path

import yaml

from siamdw_ros.node.settings import PARAMETERS
from siamdw_ros.tools.parameter_table import configuration, table

ROOT = Path(__file__).parents[2]


def test_the_table_has_a_row_for_each_parameter() -> None:
    _, _, *rows = table().splitlines()
    assert [row.split("`")[1] for row in rows] == [p.name for p in PARAMETERS]


def test_the_shipped_configuration_names_every_parameter_with_its_default() -> None:
    text = (ROOT / "config" / "tracker.yaml").read_text()
    assert text == configuration(), "run parameter_table --yaml config/tracker.yaml"
    defaults = {p.name: "" if p.default is None else p.default for p in PARAMETERS}
    assert yaml.safe_load(text)["/**"]["ros__parameters"] == defaults
