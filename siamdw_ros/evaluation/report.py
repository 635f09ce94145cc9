"""The report of an evaluation: lays out tables, and writes Markdown, HTML and JSON files."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.one_pass import FAILURE
from siamdw_ros.evaluation.summary import Summary
from siamdw_ros.evaluation.table import Cell, Table

STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } img { max-width: 100% }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right }
th:first-child, td:first-child { text-align: left }"""


def tables(summaries: Sequence[Summary], interval: tuple[int, int]) -> list[Table]:
    """Lay out the trackers' figures; tables that would be empty are left out."""
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


def _by_tracker(title: str, figures: Mapping[str, Mapping[str, Cell]]) -> Table:
    return Table(title, [{"tracker": label, **row} for label, row in figures.items()])


def _overlaps(summaries: Sequence[Summary]) -> Table:
    """Lay out the mean overlap by sequence, and the mean over frames and over sequences."""
    rows: list[dict[str, Cell]] = []
    for scores in zip(*(summary.scores for summary in summaries), strict=True):
        row: dict[str, Cell] = {"sequence": scores[0].name, "frames": scores[0].frames}
        for summary, score in zip(summaries, scores, strict=True):
            row[summary.label] = score.mean_overlap
            row[f"{summary.label} fails at"] = score.first_failure
        rows.append(row)
    for name, figure in (("mean over frames", "AO"), ("mean over sequences", "mean AO")):
        rows.append({"sequence": name, **{s.label: s.figures()[figure] for s in summaries}})
    note = f"fails at: the first frame whose overlap is below {FAILURE}."
    return Table("Mean overlap by sequence", rows, notes=[note])


def _attributes(summaries: Sequence[Summary]) -> Table:
    rows: list[dict[str, Cell]] = [
        {"attribute": name, **{s.label: s.attributes[name] for s in summaries}}
        for name in summaries[0].attributes
    ]
    return Table("Success AUC by attribute", rows)


def write_report(
    out: Path,
    found: Sequence[Table],
    summaries: Sequence[Summary],
    about: Mapping[str, Any],
    interval: tuple[int, int],
    images: Sequence[Path],
) -> None:
    """Write report.md, report.html and summary.json.

    Args:
        out: folder, there already.
        found: of :func:`tables`.
        summaries: of the trackers.
        about: what was run, how and where.
        interval: of the expected average overlap.
        images: in `out`, to show.
    """
    document = {"about": about, "trackers": [s.as_json(interval) for s in summaries]}
    (out / "summary.json").write_text(json.dumps(document, indent=2, default=str) + "\n")
    facts = [f"{key}: {value}" for key, value in about.items()]
    text = ["# Evaluation", *(f"- {fact}" for fact in facts)]
    text = [text[0], "\n".join(text[1:])]
    for table in found:
        text.append(table.section())
    text += [f"![{image.stem}]({image.name})" for image in images]
    (out / "report.md").write_text("\n\n".join(text) + "\n")
    body = ["<h1>Evaluation</h1>", "<ul>"]
    body += [f"<li>{html.escape(fact)}</li>" for fact in facts] + ["</ul>"]
    for table in found:
        body += [f"<h2>{html.escape(table.title)}</h2>", table.html()]
    for image in images:
        body += [f"<h2>{html.escape(image.stem.replace('_', ' '))}</h2>"]
        body += [f'<img src="{html.escape(image.name)}" alt="{html.escape(image.stem)}">']
    page = f'<!doctype html>\n<meta charset="utf-8">\n<title>Evaluation</title>\n<style>{STYLE}'
    (out / "report.html").write_text("\n".join([f"{page}</style>", *body]) + "\n")
