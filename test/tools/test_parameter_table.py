"""The README tells the truth about the parameters."""

from pathlib import Path

import yaml

from siamdw_ros.node.parameters import PARAMETERS
from siamdw_ros.tools.parameter_table import configuration, with_table

ROOT = Path(__file__).parents[2]


def test_the_readme_has_the_declared_parameters() -> None:
    page = (ROOT / "README.md").read_text()
    assert with_table(page) == page, "run: python -m siamdw_ros.tools.parameter_table README.md"


def test_the_shipped_configuration_names_every_parameter_with_its_default() -> None:
    text = (ROOT / "config" / "tracker.yaml").read_text()
    assert text == configuration(), "run parameter_table --yaml config/tracker.yaml"
    defaults = {p.name: "" if p.default is None else p.default for p in PARAMETERS}
    assert yaml.safe_load(text)["/**"]["ros__parameters"] == defaults
