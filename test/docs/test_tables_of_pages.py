"""The tables of the documentation name what there is, and all of it."""

import ast
import re

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


def imported_parts(folder):
    """Return the folders of the package that the modules of one folder import, less itself."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                base = node.module or ""
                modules = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            found |= {m.split(".")[1] for m in modules if m.startswith("siamdw_ros.")}
    return found - {folder.name}


def test_each_part_imports_only_what_the_page_for_contributors_allows():
    rows = list(pages.rows(pages.ROOT / "CONTRIBUTING.md", "folder", "what", "may import"))
    parts = {pages.names(row[0])[0].removeprefix("siamdw_ros/"): row[2] for row in rows}
    folders = [path.parent for path in (pages.ROOT / "siamdw_ros").glob("*/__init__.py")]
    assert {folder.name for folder in folders} <= set(parts)
    for folder in folders:
        may = set(re.findall(r"\w+", parts[folder.name])) & set(parts)
        if parts[folder.name] == "all but measurement":
            may = set(parts) - {"measurement"}
        assert imported_parts(folder) <= may, folder.name
    assert imported_parts(pages.ROOT / "siamdw_ros" / "tools") >= {"node", "siamdw", "evaluation"}


def test_the_readme_is_short_enough_for_a_first_look():
    assert len((pages.ROOT / "README.md").read_text().splitlines()) < 150
