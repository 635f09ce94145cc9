"""The benchmark's results as JSON and as a page."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.table import Table

SCHEMA = 1  # version of bench.json; raised when a reader would have to change
MARKER = "<!-- what follows is written by the benchmark: --page -->\n"


@dataclass
class Report:
    """The results of one run of the benchmark.

    Attributes:
        command: its command line.
        started: date and time.
        quick: too short to be quoted.
        machine: what it ran on.
        versions: of libraries.
        seconds: how long it took.
        sections: tables by name of the section.
        failed: sections that broke off, and why.
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
        """Return the content of bench.json."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    def as_markdown(self) -> str:
        """Return the content of report.md."""
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
            lines += ["", f"## {section}", *("\n" + table.section(3) for table in tables)]
        lines += [f"\n**{name} broke off**: {why}" for name, why in self.failed.items()]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """Write bench.json and report.md."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bench.json").write_text(self.as_json())
        (folder / "report.md").write_text(self.as_markdown())


def write_into(page: Path, report: Report) -> None:
    """Write a report into a page, after its marker, in place of an older one.

    Raises:
        ValueError: the page has no marker.
    """
    head, marker, _ = page.read_text().partition(MARKER)
    if not marker:
        raise ValueError(f"{page} has no line {MARKER}")
    body = report.as_markdown().split("\n", 1)[1].replace("\n#", "\n##")
    page.write_text(head + marker + "\n## Figures\n" + body)
