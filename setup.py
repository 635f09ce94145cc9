"""Describes the package; msg/interface_build.py builds its interfaces, siamdw_msgs.

The commands that colcon and pip run are extended, so that the interfaces are installed as data
files of this package. CONTRIBUTING.md says why.
"""

import os
import sys
from pathlib import Path

from setuptools import Command, find_packages, setup
from setuptools.command.develop import develop as base_develop

from distutils.command.install_data import install_data as base_install_data  # isort: skip

NAME = "siamdw_ros"
URL = "https://github.com/siamdw-ros/siamdw_ros"
# With --symlink-install, colcon runs a link to this file.
HERE = Path(__file__).resolve().parent

if not (HERE / "msg" / "interface_build.py").is_file():
    sys.exit(
        f"{NAME}: the folder msg/ with the interfaces is missing in {HERE}: "
        "build from a complete clone or source distribution"
    )
sys.path.insert(0, str(HERE / "msg"))
import interface_build  # noqa: E402

# Every installed command and the module whose main() it runs.
COMMANDS = {
    "tracker_node": "node.__main__",
    "respawning_tracker_node": "node.process.respawning",
    "target_pose": "following.target_pose",
    "follower": "following.follower",
    "panel": "panel.__main__",
    "mavlink_camera": "mavlink.__main__",
    "annotate": "tools.annotate",
    "check_camera": "tools.check_camera",
    "demo": "tools.demo",
    "evaluate": "tools.evaluate",
    "export_onnx": "tools.export_onnx",
    "inspect_checkpoint": "tools.inspect_checkpoint",
    "label_video": "tools.label_video",
    "pack_boxes": "tools.pack_boxes",
    "panel_demo": "tools.panel_demo",
    "simulation": "simulation.__main__",
    "play_clip": "tools.play_clip",
    "quantize": "tools.quantize",
    "select_target": "tools.select_target",
    "track_bag": "tools.track_bag",
    "track_video": "tools.track_video",
    "train": "tools.train",
    "train_boxes": "tools.train_boxes",
    "train_extents": "tools.train_extents",
    "tune": "tools.tune",
    "vot_trax": "tools.vot_trax",
}


def files_under(source, target):
    """Pairs for data_files: every file below the folder `source`, with its subfolders."""
    folders = sorted({path.parent for path in (HERE / source).rglob("*") if path.is_file()})
    pairs = []
    for folder in folders:
        inner = folder.relative_to(HERE / source)
        if "__pycache__" in inner.parts:
            continue
        names = sorted(str(path.relative_to(HERE)) for path in folder.iterdir() if path.is_file())
        pairs.append((str(Path(target, inner)), names))
    return pairs


class build_interfaces(Command):  # noqa: N801  (the name of the command)
    """Builds the interfaces, unless the underlay has them."""

    description = "build siamdw_msgs from msg/ unless the underlay has it"
    user_options = [("build-base=", "b", "base folder for the build")]

    def initialize_options(self):
        self.build_base = None
        self.staging = None

    def finalize_options(self):
        self.set_undefined_options("build", ("build_base", "build_base"))
        self.staging = interface_build.Staging(Path(self.build_base, "interfaces"))

    def run(self):
        interface_build.build(self.staging)


class install_data(base_install_data):  # noqa: N801
    """What `colcon build` and pip run: the interfaces are installed as data files."""

    def run(self):
        earlier = interface_build.installed_files(Path(self.install_dir))
        self.run_command("build_interfaces")
        for path in earlier:
            path.unlink(missing_ok=True)
        staging = self.get_finalized_command("build_interfaces").staging
        base = Path(os.path.relpath(staging.prefix))
        staged = [(str(path.parent), [str(base / path)]) for path in staging.files()]
        self.data_files = [*self.data_files, *staged]
        super().run()


class develop(base_develop):  # noqa: N801
    """What `colcon build --symlink-install` runs: the interfaces are installed as links.

    colcon links data files itself, but only those it knew before the build.
    """

    def run(self):
        prefix = Path(self.get_finalized_command("install_data").install_dir)
        earlier = interface_build.installed_files(prefix)
        super().run()
        if self.uninstall:
            return
        self.run_command("build_interfaces")
        for path in earlier:
            path.unlink(missing_ok=True)
        staging = self.get_finalized_command("build_interfaces").staging
        for path in staging.files():
            (prefix / path).parent.mkdir(parents=True, exist_ok=True)
            (prefix / path).symlink_to(staging.prefix / path)


class editable_wheel(Command):  # noqa: N801
    """What `pip install --editable` runs, which would leave out all data files without a word."""

    description = "refused: it would install neither interfaces nor launch files"
    user_options = [("dist-dir=", "d", ""), ("dist-info-dir=", "I", "")]

    def initialize_options(self):
        self.dist_dir = None
        self.dist_info_dir = None

    def finalize_options(self):
        pass

    def run(self):
        sys.exit(
            f"{NAME}: `pip install --editable` installs no data files: use "
            "`colcon build --symlink-install` (or `make build`)"
        )


setup(
    name=NAME,
    version="0.1.0",
    description="Follows visual targets with SiamDW and says where they are, as a ROS 2 node",
    author="siamdw_ros maintainers",
    maintainer="siamdw_ros maintainers",
    maintainer_email="siamdw-ros@example.org",
    url=URL,
    license="MIT",
    python_requires=">=3.10",
    # measurement is for developers, with a clone: robots need none of it.
    packages=find_packages(include=[NAME, f"{NAME}.*"], exclude=[f"{NAME}.measurement*"]),
    package_data={
        NAME: [
            "py.typed",
            "panel/page/*",
            "recordings/*.html",
            "tools/*.html",
            "weights/*.pt",
            "weights/*.md",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *files_under("launch", f"share/{NAME}/launch"),
        *files_under("config", f"share/{NAME}/config"),
        *files_under("test/data/clips", f"share/{NAME}/clips"),
    ],
    install_requires=["setuptools"],
    # colcon test runs pytest where this names it.
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            f"{command} = {NAME}.{module}:main" for command, module in COMMANDS.items()
        ],
    },
    cmdclass={
        "build_interfaces": build_interfaces,
        "develop": develop,
        "editable_wheel": editable_wheel,
        "install_data": install_data,
    },
    # Compiled interfaces fit one Python and one machine: pip must not call the wheel universal.
    has_ext_modules=lambda: True,
)
