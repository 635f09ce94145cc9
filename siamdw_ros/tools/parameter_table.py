"""Write the README's table of parameters from their declarations."""

import argparse
from pathlib import Path

from siamdw_ros.node.parameters import PARAMETERS, Parameter

BEGIN = "<!-- parameters: python -m siamdw_ros.tools.parameter_table README.md -->"
END = "<!-- end of parameters -->"


def table() -> str:
    """All parameters as a Markdown table."""
    head = "| parameter | type | default | range | |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *map(_row, PARAMETERS)])


def _row(parameter: Parameter) -> str:
    default = f"`{parameter.default}`" if parameter.default != "" else "empty"
    limits = "{} to {}".format(*parameter.limits) if parameter.limits else ""
    kind = {str: "string", int: "integer", float: "double"}[type(parameter.default)]
    return f"| `{parameter.name}` | {kind} | {default} | {limits} | {parameter.description} |"


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
