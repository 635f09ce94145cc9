"""The benchmark's results: one form of table for the terminal, for Markdown and for JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1  # of bench.json; raised when a reader would have to change
MARK = "<!-- what follows is written by the benchmark: --page -->\n"
Cell = str | int | float | bool | None


@dataclass
class Table:
    """One table. A row maps names of columns, with their units, to values.

    name: key of the table in bench.json. skipped: what was left out, and why.
    """

    name: str
    title: str
    rows: list[dict[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def columns(self) -> list[str]:
        """Every row's columns, in the order of their first appearance."""
        return list(dict.fromkeys(column for row in self.rows for column in row))


@dataclass
class Report:
    """All that a run of the benchmark found out.

    sections: tables by name of the section. failed: sections that broke off, and why.
    """

    command: str
    started: str
    quick: bool
    machine: dict[str, Any]
    versions: dict[str, str]
    seconds: float = 0.0
    sections: dict[str, list[Table]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """The form of bench.json."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    def as_markdown(self) -> str:
        """The form of report.md."""
        lines = [
            "# Benchmark",
            "",
            f"`{self.command}`, {self.started}, {self.seconds / 60:.1f} minutes"
            + (" (quick: too short to be quoted)" if self.quick else ""),
            "",
            *(f"- {name}: {value}" for name, value in self.machine.items()),
            "- " + ", ".join(f"{name} {value}" for name, value in self.versions.items()),
        ]
        for section, tables in self.sections.items():
            lines += ["", f"## {section}", *(as_markdown(table) for table in tables)]
        lines += [f"\n**{name} broke off**: {why}" for name, why in self.failed.items()]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """Write bench.json and report.md."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").write_text(self.as_json())
        (folder / "report.md").write_text(self.as_markdown())


def write_into(page: Path, report: Report) -> None:
    """Put a report at the end of a page, behind its mark, in place of an older one.

    Raises:
        ValueError: the page has no mark.
    """
    head, mark, _ = page.read_text().partition(MARK)
    if not mark:
        raise ValueError(f"{page} has no line {MARK}")
    body = report.as_markdown().split("\n", 1)[1].replace("\n#", "\n##")
    page.write_text(head + mark + "\n## Figures\n" + body)


def as_markdown(table: Table) -> str:
    """A table with its title, notes and what was skipped."""
    columns = table.columns()
    lines = ["", f"### {table.title}", ""]
    if columns:
        lines.append(_line(columns))
        lines.append(_line(["---:" if _numeric(table, column) else "---" for column in columns]))
        lines += [_line([text(row.get(column)) for column in columns]) for row in table.rows]
    remarks = [*table.notes, *(f"Skipped: {what}" for what in table.skipped)]
    return "\n".join([*lines, "", *remarks])


def as_text(table: Table) -> str:
    """The same for a terminal, in aligned columns."""
    columns = table.columns()
    cells = [columns, *([text(row.get(column)) for column in columns] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [_numeric(table, column) for column in columns]
    lines = ["", table.title]
    for row in cells if columns else []:
        padded = zip(row, widths, right, strict=True)
        lines.append("  " + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in padded))
    remarks = [*table.notes, *(f"skipped: {what}" for what in table.skipped)]
    return "\n".join([*lines, *(f"  {remark}" for remark in remarks)])


def text(value: Cell) -> str:
    """A value as people read it: three digits of a number, a dash for none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _numeric(table: Table, column: str) -> bool:
    values = [row.get(column) for row in table.rows]
    return all(value is None or isinstance(value, int | float) for value in values)
