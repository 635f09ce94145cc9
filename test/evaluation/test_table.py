"""Results as tables for the terminal, for Markdown and for HTML."""

import math

import pytest

from siamdw_ros.evaluation.table import Table, text


@pytest.fixture
def table():
    rows = [
        {"tracker": "one", "ms": 12.345, "fits": True},
        {"tracker": "the other", "ms": 1234.5, "mean IoU": None},
    ]
    return Table("A title", rows, notes=["How."], skipped=["mil: not there"])


def test_markdown_has_a_column_for_whatever_any_row_has(table):
    head, rule, *rows = table.markdown().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (head, *rows)]
    assert cells[0] == ["tracker", "ms", "fits", "mean IoU"]
    assert cells[1:] == [["one", "12.3", "yes", "-"], ["the other", "1234", "-", "-"]]
    assert [column.endswith(":") for column in rule.split("|")[1:-1]] == [False, True, True, True]


def test_section_has_title_notes_and_what_was_skipped(table):
    assert table.section(3).startswith("### A title\n\n| tracker")
    assert table.section().endswith("How.\n\nSkipped: mil: not there")


def test_text_is_aligned(table):
    _, title, head, _, first, second, note, skipped = table.text().splitlines()
    assert title == "A title"
    assert head.index("ms") + 2 == first.index("12.3") + 4 == second.index("1234") + 4
    assert (note.strip(), skipped.strip()) == ("How.", "skipped: mil: not there")


def test_html_escapes(table):
    table.rows[0]["tracker"] = "<b>"
    assert "&lt;b&gt;" in table.html()


def test_a_table_without_rows_still_states_why(table):
    table.rows.clear()
    assert "mil: not there" in table.text()
    assert "mil: not there" in table.section()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, "0.500"),
        (0.01234, "0.0123"),
        (99.94, "99.9"),
        (99.96, "100"),
        (128.6, "129"),
        (7, "7"),
        (math.nan, "-"),
    ],
)
def test_numbers_have_three_digits(value, expected):
    assert text(value) == expected
