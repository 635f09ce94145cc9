"""Print the table of parameters, or write config/tracker.yaml, from the declarations.

The documentation has its tables from here.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from siamdw_ros.node.settings import PARAMETERS
from siamdw_ros.ros.parameters import Parameter, Read
from siamdw_ros.tools.command_line import run_command

HEAD = """\
# Parameters of the tracker node, written by `python -m siamdw_ros.tools.parameter_table --yaml`.
# `ros2 param describe /siamdw_tracker NAME` prints the same descriptions.
/**:
  ros__parameters:
"""
KINDS = {
    type(None): "double or empty",
    bool: "bool",
    int: "integer",
    float: "double",
    str: "string",
    list: "string[]",
}
CHANGES = {Read.START: "no", Read.CONFIGURE: "unconfigured", Read.ALWAYS: "any time"}


def table(parameters: Iterable[Parameter] = PARAMETERS) -> str:
    """Return parameters as a Markdown table."""
    head = f"| parameter | type | default | range | change | |\n{'| --- ' * 6}|"
    return "\n".join([head, *map(_row, parameters)])


def _row(parameter: Parameter) -> str:
    limits = "{} to {}".format(*parameter.limits) if parameter.limits else ""
    change = "only safer" if parameter.envelope else CHANGES[parameter.read]
    cells = [
        f"`{parameter.name}`",
        KINDS[type(parameter.default)],
        _default(parameter.default),
        limits,
        change,
        parameter.description,
    ]
    return f"| {' | '.join(cells)} |"


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "empty" if value in (None, "", [""]) else f"`{value}`"


def configuration() -> str:
    """Return a parameter file with all parameters, their defaults and descriptions."""
    return HEAD + "".join(map(_entry, PARAMETERS))


def _entry(parameter: Parameter) -> str:
    text = f"{parameter.description}; read {parameter.read.value}"
    comment = textwrap.fill(text, 95, initial_indent="    # ", subsequent_indent="    # ")
    default = "" if parameter.default is None else parameter.default
    return f"{comment}\n    {parameter.name}: {json.dumps(default)}\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.parameter_table", description=__doc__
    )
    parser.add_argument(
        "--yaml", type=Path, help="write the parameter file (default: print the table)"
    )
    options = parser.parse_args(arguments)
    return run_command("parameter_table", partial(_write, options.yaml))


def _write(file: Path | None) -> None:
    if file is None:
        print(table())
    else:
        file.write_text(configuration())


if __name__ == "__main__":
    sys.exit(main())
