"""The node's parameters, from a command line that is not the node's."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.yaml_text import parse_yaml, read_yaml
from siamdw_ros.node.settings import KNOWN, Settings
from siamdw_ros.ros.node_parameters import (
    OF_ROS,
    ParameterError,
    check_range,
    converted,
    similar_name,
)


def add_parameter_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that set parameters of the node."""
    group = parser.add_argument_group("parameters of the node, see config/tracker.yaml")
    group.add_argument(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME:=VALUE",
        help="one parameter, as -p device:=cuda; may be repeated",
    )
    group.add_argument(
        "--params-file", type=Path, metavar="YAML", help="a parameter file of the node"
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the node's settings that the options ask for.

    Raises:
        ValueError: A parameter is unknown, or has a value that it cannot have.
        OSError: The parameter file cannot be read.
    """
    values = read_parameter_file(options.params_file) if options.params_file else {}
    for text in options.parameters:
        name, assigned, value = text.partition(":=")
        if not (assigned and name):
            raise ParameterError(f"-p {text}: expected NAME:=VALUE")
        values[name] = parse_yaml(value, f"-p {text}")
    checked = {name: _checked(name, value) for name, value in values.items()}
    return Settings(**{KNOWN[name].field: value for name, value in checked.items()})


def _checked(name: str, value: Any) -> Any:
    if name not in KNOWN:
        raise ParameterError(f"there is no parameter '{name}'{similar_name(name, KNOWN)}")
    value = converted(KNOWN[name], value)
    check_range(KNOWN[name], value)
    return value


def read_parameter_file(path: Path) -> dict[str, Any]:
    """Read the parameters of all nodes in a file; names as `tracker.memory`.

    Raises:
        ValueError: It is no parameter file.
        OSError: It cannot be read.
    """
    try:
        nodes = read_yaml(path)
        trees = [node["ros__parameters"] for node in nodes.values()]
        values = {name: value for tree in trees for name, value in _flat(tree)}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: no parameter file of ROS: expected NODE: ros__parameters:"
        ) from error
    return {name: value for name, value in values.items() if not name.startswith(OF_ROS)}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
