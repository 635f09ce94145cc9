"""The tables of the documentation name what there is, and all of it."""

import pages
import product
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("siamdw_msgs")

DOCS = pages.ROOT / "docs"


def test_the_interfaces_page_names_each_topic_and_service_of_the_node():
    found = [
        pages.names(row[1])[0] for row in pages.rows(DOCS / "reference/interfaces.md", "", "name")
    ]
    assert set(found) == product.tracker_topics() | product.tracker_services()


def test_the_page_of_commands_names_each_launch_argument_and_each_command():
    page = DOCS / "reference" / "launch.md"
    arguments = [name for row in pages.rows(page, "argument") for name in pages.names(row[0])]
    assert set(arguments) == product.launch_arguments("tracker.launch.py")
    commands = [name for row in pages.rows(page, "name", "module") for name in pages.names(row[0])]
    assert set(commands) == set(product.installed_commands())
    files = [name for row in pages.rows(page, "file") for name in pages.names(row[0])]
    assert set(files) == {path.name for path in (pages.ROOT / "launch").glob("*.launch.py")}


@pytest.mark.parametrize("folder", ["concepts", "tutorials"])
def test_parameters_in_the_tables_of_pages_exist_and_have_that_default(folder):
    known = product.parameters("siamdw_tracker")
    found = 0
    for page in (DOCS / folder).glob("*.md"):
        for cells in pages.rows(page, "parameter"):
            (name,) = pages.names(cells[0])
            assert name in known, page
            found += 1
        for cells in pages.rows(page, "parameter", "default"):
            assert str(known[pages.names(cells[0])[0]]) == cells[1], cells
    assert found


def test_the_panel_page_has_the_parameters_of_the_panel():
    rows = list(pages.rows(DOCS / "panel.md", "parameter", "default"))
    known = product.parameters("panel")
    assert [pages.names(row[0])[0] for row in rows] == list(known)
    shown = {
        name: "empty"
        if default == [""]
        else str(default).lower()
        if default is False
        else str(default)
        for name, default in known.items()
    }
    assert {pages.names(row[0])[0]: row[1] for row in rows} == shown


def test_the_readme_is_short_enough_for_a_first_look():
    assert len((pages.ROOT / "README.md").read_text().splitlines()) < 150
