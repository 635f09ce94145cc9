"""Where things are: the one place that knows the folders of the environment."""

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
        """The interpreter of the environment."""
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its Python packages are."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.venv / "lib" / version / "site-packages"

    @property
    def state(self) -> Path:
        """What the builder keeps for itself: stamps, logs, build folders."""
        return self.venv / "ros_env"

    @property
    def scripts(self) -> list[Path]:
        """What shells source to enter the environment.

        The names are those of any ROS 2 prefix: `install/setup.bash`, which colcon writes, finds
        the environment below it by them.
        """
        return [self.venv / f"local_setup.{shell}" for shell in ("sh", "bash", "zsh")]
