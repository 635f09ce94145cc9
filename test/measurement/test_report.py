"""The benchmark's report as JSON and as a page."""

import json

import pytest

from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement.report import MARKER, Report, write_into


@pytest.fixture
def table():
    return Table("A title", [{"tracker": "one", "ms": 12.345, "fits": True}], "t")


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
    page.write_text(f"# Page\n\nWords.\n\n{MARKER}an older report\n")
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
