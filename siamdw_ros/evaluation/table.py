"""Tables of results: one form for the terminal, for Markdown, for HTML and for JSON."""

import math
from dataclasses import dataclass, field

from tabulate import tabulate

Cell = str | int | float | bool | None


@dataclass
class Table:
    """One table.

    Attributes:
        title: one line.
        rows: each maps names of columns, with their units, to values.
        name: key of the table in JSON files.
        notes: what a reader has to know.
        skipped: what was left out, and why.
    """

    title: str
    rows: list[dict[str, Cell]] = field(default_factory=list)
    name: str = ""
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def columns(self) -> list[str]:
        """Return every row's columns, in the order of their first appearance."""
        return list(dict.fromkeys(column for row in self.rows for column in row))

    def markdown(self) -> str:
        """Return the rows as Markdown, without title and notes."""
        return self._format("pipe")

    def html(self) -> str:
        """Return the rows as HTML, without title and notes."""
        return self._format("html")

    def text(self) -> str:
        """Return the whole table for a terminal, with title, notes and what was skipped."""
        remarks = [*self.notes, *(f"skipped: {what}" for what in self.skipped)]
        body = self._format("simple").splitlines()
        return "\n".join(["", self.title, *(f"  {line}" for line in [*body, *remarks])])

    def section(self, level: int = 2) -> str:
        """Return the whole table as a section of a Markdown page."""
        remarks = [*self.notes, *(f"Skipped: {what}" for what in self.skipped)]
        parts = [f"{'#' * level} {self.title}", self.markdown(), *remarks]
        return "\n\n".join(part for part in parts if part)

    def _format(self, form: str) -> str:
        columns = self.columns()
        if not columns:
            return ""
        return tabulate(
            [[text(row.get(column)) for column in columns] for row in self.rows],
            headers=columns,
            tablefmt=form,
            colalign=["right" if self._numeric(column) else "left" for column in columns],
            disable_numparse=True,  # our digits are chosen already
        )

    def _numeric(self, column: str) -> bool:
        values = [row.get(column) for row in self.rows]
        return all(value is None or isinstance(value, int | float) for value in values)


def text(value: Cell) -> str:
    """Format a value: numbers with three digits, a dash for none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"
    return str(value)
