"""The folders of the environment. No other module knows them."""

import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DEFINITIONS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Layout:
    """The folders of one environment.

    Attributes:
        venv: the virtual environment, which with wheels is also the ROS 2 prefix.
        distro: the ROS 2 distribution, for example `jazzy`.
        wheels: ROS 2 comes from wheels; otherwise one is sourced and used as it is.
    """

    venv: Path
    distro: str
    wheels: bool

    @property
    def python(self) -> Path:
        """Path of the interpreter."""
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Folder of the installed Python packages."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.venv / "lib" / version / "site-packages"

    @property
    def state(self) -> Path:
        """Folder of the builder: stamps, logs, build folders."""
        return self.venv / "ros_env"

    @property
    def scripts(self) -> list[Path]:
        """Scripts that a shell sources to enter the environment.

        They have the names that every ROS 2 prefix has: `install/setup.bash`, which colcon
        writes, sources the underlay by these names.
        """
        return [self.venv / f"local_setup.{shell}" for shell in ("sh", "bash", "zsh")]
