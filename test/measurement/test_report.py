"""Results as tables for the terminal, for Markdown and for JSON."""

import json

import pytest

from siamdw_ros.measurement.report import (
    MARK,
    Report,
    Table,
    as_markdown,
    as_text,
    text,
    write_into,
)


@pytest.fixture
def table():
    rows = [
        {"tracker": "one", "ms": 12.345, "fits": True},
        {"tracker": "the other", "ms": 1234.5, "mean IoU": None},
    ]
    return Table("t", "A title", rows, notes=["How."], skipped=["mil: not there"])


def test_markdown_has_a_column_for_whatever_any_row_has(table):
    lines = as_markdown(table).splitlines()
    assert "| tracker | ms | fits | mean IoU |" in lines
    assert "| --- | ---: | ---: | ---: |" in lines
    assert "| one | 12.3 | yes | - |" in lines
    assert "| the other | 1234 | - | - |" in lines
    assert "Skipped: mil: not there" in lines


def test_text_is_aligned(table):
    _, title, head, first, second, note, skipped = as_text(table).splitlines()
    assert title == "A title"
    assert head.index("ms") + 2 == first.index("12.3") + 4 == second.index("1234") + 4
    assert (note.strip(), skipped.strip()) == ("How.", "skipped: mil: not there")


def test_a_table_without_rows_still_says_why(table):
    table.rows.clear()
    assert "mil: not there" in as_text(table)
    assert "mil: not there" in as_markdown(table)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.01234, "0.0123"), (99.94, "99.9"), (128.6, "129"), (7, "7")]
)
def test_numbers_have_three_digits(value, expected):
    assert text(value) == expected


@pytest.fixture
def report(table):
    return Report(
        command="python -m x --quick",
        started="2030-01-01",
        quick=True,
        machine={"cores": 2},
        versions={"torch": "2"},
        sections={"core": [table]},
        failed={"node": "PlayError: gone"},
    )


def test_a_page_gets_the_newest_report_behind_its_mark(report, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\nWords.\n\n{MARK}an older report\n")
    write_into(page, report)
    written = page.read_text()
    assert written.startswith("# Page\n\nWords.\n")
    assert "an older report" not in written
    headings = [line for line in written.splitlines() if line.startswith("#")]
    assert headings == ["# Page", "## Figures", "### core", "#### A title"]


def test_a_page_without_the_mark_is_refused(report, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    with pytest.raises(ValueError, match="no line"):
        write_into(page, report)


def test_report_is_written_as_json_and_as_markdown(report, tmp_path):
    report.write(tmp_path / "out")
    read = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert read["schema"] == 1
    assert read["machine"] == {"cores": 2}
    assert read["sections"]["core"][0]["rows"][0] == {"tracker": "one", "ms": 12.345, "fits": True}
    page = (tmp_path / "out" / "report.md").read_text()
    assert "- cores: 2" in page
    assert "**node broke off**: PlayError: gone" in page
    assert "too short to be quoted" in page
