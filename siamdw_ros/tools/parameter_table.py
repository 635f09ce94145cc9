"""Write the README's table of parameters from their declarations."""

import argparse
from pathlib import Path
from typing import Any

from siamdw_ros.node.parameters import PARAMETERS, Parameter, Read

BEGIN = "<!-- parameters: python -m siamdw_ros.tools.parameter_table README.md -->"
END = "<!-- end of parameters -->"
KINDS = {bool: "bool", int: "integer", float: "double", str: "string", list: "string[]"}
CHANGES = {Read.START: "no", Read.CONFIGURE: "unconfigured", Read.ALWAYS: "any time"}


def table() -> str:
    """All parameters as a Markdown table."""
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
    return "empty" if value in ("", [""]) else f"`{value}`"


def with_table(page: str) -> str:
    """The page with the table between its two marks made anew.

    Raises:
        ValueError: the marks are not in the page.
    """
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:begin]}\n{table()}\n{page[end:]}"


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.parameter_table", description=__doc__
    )
    parser.add_argument("page", type=Path, nargs="?", help="page to rewrite (default: print)")
    page: Path | None = parser.parse_args(arguments).page
    if page is None:
        print(table())
    else:
        page.write_text(with_table(page.read_text()))


if __name__ == "__main__":
    main()
