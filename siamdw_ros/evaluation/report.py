"""The report: tables for the terminal, for Markdown and for a browser, and JSON for programs."""

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.summary import Summary, sequence_figures

COUNTS = {"frames", "absent frames", "failures"}
STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } img { max-width: 100% }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right }
th:first-child, td:first-child { text-align: left }"""


@dataclass(frozen=True)
class Table:
    """A title, names of columns, and rows of text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As Markdown, in columns that a terminal shows well too."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        return "\n".join(
            "| " + " | ".join(_aligned(i, text, widths[i]) for i, text in enumerate(line)) + " |"
            for line in (self.head, rule, *self.rows)
        )

    def html(self) -> str:
        """As HTML."""
        lines = [
            "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in line) + "</tr>"
            for tag, line in (("th", self.head), *(("td", row) for row in self.rows))
        ]
        return "<table>\n" + "\n".join(lines) + "\n</table>"


def _aligned(column: int, text: str, width: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)


def tables(summaries: Sequence[Summary], interval: tuple[int, int]) -> list[Table]:
    """Lay out what the trackers reached; tables that would be empty are left out."""
    found = []
    passed = [summary for summary in summaries if summary.scores]
    if passed:
        found.append(_by_tracker("One pass", {s.label: s.figures() for s in passed}))
        found += [_overlaps(passed)]
        if any(summary.presence()["absent frames"] for summary in passed):
            found.append(_by_tracker("Presence", {s.label: s.presence() for s in passed}))
        if passed[0].attributes:
            found.append(_attributes(passed))
    if supervised := {s.label: s.vot_figures(interval) for s in summaries if s.vot}:
        title = f"Supervised (VOT), EAO over lengths {interval[0]} to {interval[1]}"
        found.append(_by_tracker(title, supervised))
    return found


def _by_tracker(title: str, figures: Mapping[str, Mapping[str, float]]) -> Table:
    names = list(next(iter(figures.values())))
    rows = [[label, *(number(n, row[n]) for n in names)] for label, row in figures.items()]
    return Table(title, ["tracker", *names], rows)


def _overlaps(summaries: Sequence[Summary]) -> Table:
    """Mean overlap, sequence by sequence."""
    rows = []
    for scores in zip(*(summary.scores for summary in summaries), strict=True):
        figures = [sequence_figures(score) for score in scores]
        values = [number("AO", figure["AO"]) for figure in figures]
        rows.append([scores[0].name, number("frames", figures[0]["frames"]), *values])
    labels = [summary.label for summary in summaries]
    return Table("Mean overlap by sequence", ["sequence", "frames", *labels], rows)


def _attributes(summaries: Sequence[Summary]) -> Table:
    labels = [summary.label for summary in summaries]
    rows = [
        [name, *(number("AUC", s.attributes[name]) for s in summaries)]
        for name in summaries[0].attributes
    ]
    return Table("Success AUC by attribute", ["attribute", *labels], rows)


def number(name: str, value: float) -> str:
    """A figure for people, with as many digits as it deserves."""
    if math.isnan(value):
        return "-"
    if name in COUNTS:
        return f"{value:.0f}"
    return f"{value:.1f}" if name == "frames/s" else f"{value:.3f}"


def write_report(
    out: Path,
    found: Sequence[Table],
    summaries: Sequence[Summary],
    about: Mapping[str, Any],
    interval: tuple[int, int],
    pictures: Sequence[Path],
) -> None:
    """Write report.md, report.html and summary.json.

    Args:
        out: folder, there already.
        found: of :func:`tables`.
        summaries: of the trackers.
        about: what was run, how and where.
        interval: of the expected average overlap.
        pictures: in `out`, to show.
    """
    document = {"about": about, "trackers": [s.as_json(interval) for s in summaries]}
    (out / "summary.json").write_text(json.dumps(document, indent=2, default=str) + "\n")
    facts = [f"{key}: {value}" for key, value in about.items()]
    text = ["# Evaluation", *(f"- {fact}" for fact in facts)]
    text = [text[0], "\n".join(text[1:])]
    for table in found:
        text += [f"## {table.title}", table.markdown()]
    text += [f"![{picture.stem}]({picture.name})" for picture in pictures]
    (out / "report.md").write_text("\n\n".join(text) + "\n")
    body = ["<h1>Evaluation</h1>", "<ul>"]
    body += [f"<li>{html.escape(fact)}</li>" for fact in facts] + ["</ul>"]
    for table in found:
        body += [f"<h2>{html.escape(table.title)}</h2>", table.html()]
    for picture in pictures:
        body += [f"<h2>{html.escape(picture.stem.replace('_', ' '))}</h2>"]
        body += [f'<img src="{html.escape(picture.name)}" alt="{html.escape(picture.stem)}">']
    page = f'<!doctype html>\n<meta charset="utf-8">\n<title>Evaluation</title>\n<style>{STYLE}'
    (out / "report.html").write_text("\n".join([f"{page}</style>", *body]) + "\n")
