"""Sphinx configuration of the documentation: `make docs`, or rosdoc2 on docs.ros.org."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
if not (HERE.parent / "package.xml").is_file():
    # rosdoc2 runs a copy of docs/, whose own conf.py names the original.
    named = re.search(r'open\("(.+?)"\)', Path(__file__).read_text())
    HERE = Path(named.group(1)).parent if named else HERE
sys.path[:0] = [str(HERE), str(HERE.parent)]

import site_pages  # noqa: E402

project = "siamdw_ros"
author = "siamdw_ros maintainers"
project_copyright = "siamdw_ros maintainers, MIT licence"
version = release = site_pages.package_version()

# Sources are linked in the repository: copies of them on the site would take half of its build.
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.linkcode"]
exclude_patterns = [
    "_build",
    # Included by pages in reference/.
    "generated/parameters.md",
    "generated/interfaces.md",
    # What rosdoc2 adds: a second API reference, and copies of README and CHANGELOG.
    "siamdw_ros*.rst",
    "modules.rst",
    "standard*",
    "__readme_include*",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
# Attributes in a docstring are looked up by their short name, which several modules may have.
suppress_warnings = ["ref.python"]

myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_use_ivar = True

# rosdoc2 takes the theme of docs.ros.org instead.
html_theme = "furo" if find_spec("furo") else "alabaster"
html_title = f"siamdw_ros {version}"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

# `sphinx-build -b linkcheck` looks at the links inside the site: no network is needed.
linkcheck_ignore = [r"https?://"]


def linkcode_resolve(_domain, info):
    """Return the address of the source of a Python object."""
    return site_pages.source_address(info["module"])


def setup(app):
    """Connect what writes the generated pages and resolves links into the repository."""
    site_pages.setup(app)
