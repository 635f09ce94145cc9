"""The site can be built without a warning, from the code as it is."""

import os
import shutil
import subprocess
import sys

import pages
import pytest

from siamdw_ros.node.settings import PARAMETERS

pytest.importorskip("sphinx")
pytest.importorskip("myst_parser")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site from a copy of docs/, so that the clone stays as it is."""
    work = tmp_path_factory.mktemp("site")
    root = work / "repository"
    skip = shutil.ignore_patterns(".git", ".venv", "build", "install", "log", "_build", "*_out")
    shutil.copytree(pages.ROOT, root, ignore=skip)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(root / "docs"), str(work / "html")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return work / "html"


@pytest.mark.slow
def test_the_site_has_parameters_interfaces_and_api_from_the_code(site):
    parameters = (site / "reference" / "parameters.html").read_text()
    assert [p.name for p in PARAMETERS if p.name not in parameters] == []
    interfaces = (site / "reference" / "interfaces.html").read_text()
    for path in (*pages.ROOT.glob("msg/*/*.msg"), *pages.ROOT.glob("msg/*/*.srv")):
        assert path.stem in interfaces
    assert "MultiTracker" in (site / "generated" / "api_siamdw.html").read_text()


@pytest.mark.slow
def test_links_into_the_repository_lead_to_it(site):
    page = (site / "dds.html").read_text()
    assert 'href="https://github.com/siamdw-ros/siamdw_ros/blob/main/config/fastdds.xml"' in page
