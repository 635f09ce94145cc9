"""Writes the pages that come from the code, and points links at the right place.

The parameters, the interfaces, the API, the changelog, the guide for contributors and the model
card are written into `generated/` when the site is built. No page copies them by hand.
"""

import importlib
import os
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.ext.autodoc.mock import _MockObject, mock
from sphinx.util import logging

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
REPOSITORY = "https://github.com/siamdw-ros/siamdw_ros/blob/main"

# Files outside of docs/ that are pages of the site.
COPIES = {
    "generated/contributing": ROOT / "CONTRIBUTING.md",
    "generated/model_card": ROOT / "siamdw_ros" / "weights" / "README.md",
}
PAGE_OF = {path: f"/{name}.md" for name, path in COPIES.items()} | {
    ROOT / "README.md": "/index.rst",
    ROOT / "CHANGELOG.rst": "/generated/changelog.rst",
}
# The parts whose modules the API reference lists, in this order.
PARTS = {
    "siamdw": "The tracker",
    "node": "The ROS 2 node",
    "ros": "What all nodes share",
    "following": "From boxes to motion",
    "evaluation": "Evaluation",
    "training": "Training",
    "panel": "Operator panel",
    "simulation": "Simulation",
}
# What a machine that only builds the documentation may lack.
LIBRARIES = (
    "aiohttp",
    "ament_index_python",
    "builtin_interfaces",
    "cv2",
    "cv_bridge",
    "diagnostic_msgs",
    "geometry_msgs",
    "got10k",
    "lifecycle_msgs",
    "lightning",
    "matplotlib",
    "nav_msgs",
    "numpy",
    "openvino",
    "optuna",
    "psutil",
    "pybullet",
    "pydantic",
    "rcl_interfaces",
    "rclpy",
    "sensor_msgs",
    "siamdw_msgs",
    "std_msgs",
    "std_srvs",
    "tabulate",
    "tf2_ros",
    "torch",
    "tqdm",
    "trax",
    "vision_msgs",
    "visualization_msgs",
    "yaml",
)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)(#[^)\s]*)?(?=\))")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)

logger = logging.getLogger(__name__)


def package_version() -> str:
    """Return the version in package.xml."""
    return ElementTree.parse(ROOT / "package.xml").findtext("version") or ""


def missing_libraries() -> list[str]:
    """Return the libraries that are not installed, so that autodoc imports stand-ins."""
    return [name for name in LIBRARIES if find_spec(name) is None]


def setup(app: Sphinx) -> None:
    """Connect the functions below to the build."""
    # Stand-ins of message classes do not have the | that type aliases use.
    _MockObject.__or__ = _MockObject.__ror__ = lambda stand_in, _other: stand_in
    app.connect("config-inited", _set_stand_ins, priority=900)
    app.connect("builder-inited", _write_pages)
    app.connect("source-read", _resolve_links)


def _set_stand_ins(_app: Sphinx, config: Config) -> None:
    # Not in conf.py: rosdoc2 replaces the list by the names of the rosdep keys.
    config.autodoc_mock_imports = missing_libraries()


def _write_pages(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    with mock(missing_libraries()):
        pages = {"parameters.md": parameters_page(), "interfaces.md": interfaces_page()}
        pages |= {f"api_{part}.md": api_page(part, title) for part, title in PARTS.items()}
    pages |= {f"{Path(name).name}.md": path.read_text() for name, path in COPIES.items()}
    pages["changelog.rst"] = (ROOT / "CHANGELOG.rst").read_text()
    for name, text in pages.items():
        path = folder / name
        # An unchanged page keeps its time, so that Sphinx does not read it again.
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def source_address(module: str) -> str:
    """Return the address of a module's source in the repository."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return f"{REPOSITORY}/{path.relative_to(ROOT)}"


def parameters_page() -> str:
    """Return the table of the tracker node's parameters."""
    table = importlib.import_module("siamdw_ros.tools.parameter_table").table()
    return f"{table}\n"


def interfaces_page() -> str:
    """Return the messages and services of siamdw_msgs, with their comments."""
    sections = []
    for path in sorted([*ROOT.glob("msg/msg/*.msg"), *ROOT.glob("msg/srv/*.srv")]):
        kind = path.suffix.removeprefix(".")
        heading = f"siamdw_msgs/{kind}/{path.stem}"
        definition = path.read_text().strip()
        sections.append(f"## {heading}\n\n```text\n{definition}\n```\n")
    return "\n".join(sections)


def api_page(part: str, title: str) -> str:
    """Return a page with the documentation of all modules of one part."""
    package = importlib.import_module(f"siamdw_ros.{part}")
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    names = [package.__name__, *(module.name for module in found)]
    sections = [
        f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
        for name in names
        if not name.endswith("__main__")
    ]
    return f"# {title}: siamdw_ros.{part}\n\n" + "\n".join(sections)


def _resolve_links(app: Sphinx, page: str, source: list[str]) -> None:
    origin = COPIES.get(page, DOCS / page).parent
    if Path(app.env.doc2path(page)).suffix != ".md":
        return
    code = iter(FENCE.findall(source[0]))
    prose = [
        LINK.sub(lambda link: _target(link, origin, page), text) for text in FENCE.split(source[0])
    ]
    source[0] = "".join(part + next(code, "") for part in prose)


def _target(link: "re.Match[str]", origin: Path, page: str) -> str:
    """Return where a relative link leads: a page of the site, or a file of the repository."""
    fragment = link.group(2) or ""
    path = Path(os.path.normpath(origin / link.group(1)))
    if path in PAGE_OF:
        return PAGE_OF[path] + fragment
    if path.is_relative_to(DOCS):
        return f"/{path.relative_to(DOCS)}{fragment}"
    if not path.exists():
        logger.warning("%s links to %s, which does not exist", page, link.group(1))
    return f"{REPOSITORY}/{path.relative_to(ROOT)}{fragment}"
