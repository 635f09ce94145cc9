"""Write the table of parameters and config/tracker.yaml from the declarations."""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

from siamdw_ros.node.parameters import PARAMETERS, Parameter, Read

BEGIN = "<!-- parameters: python -m siamdw_ros.tools.parameter_table README.md -->"
END = "<!-- end of parameters -->"
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


def table() -> str:
    """Return all parameters as a Markdown table."""
    head = f"| parameter | type | default | range | change | |\n{'| --- ' * 6}|"
    return "\n".join([head, *map(_row, PARAMETERS)])


def _row(parameter: Parameter) -> str:
    limits = "{} to {}".format(*parameter.limits) if parameter.limits else ""
    cells = [
        f"`{parameter.name}`",
        KINDS[type(parameter.default)],
        _default(parameter.default),
        limits,
        CHANGES[parameter.read],
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


def with_table(page: str) -> str:
    """Return the page with a new table between its two marks.

    Raises:
        ValueError: The marks are not in the page.
    """
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:begin]}\n{table()}\n{page[end:]}"


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.parameter_table", description=__doc__
    )
    parser.add_argument("page", type=Path, nargs="?", help="page to rewrite (default: print)")
    parser.add_argument("--yaml", type=Path, help="write the parameter file instead")
    options = parser.parse_args(arguments)
    page: Path | None = options.page
    if options.yaml is not None:
        options.yaml.write_text(configuration())
    elif page is None:
        print(table())
    else:
        page.write_text(with_table(page.read_text()))


if __name__ == "__main__":
    main()
