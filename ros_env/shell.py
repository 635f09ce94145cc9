"""The environment variables: for commands of the build, and as a script for a user's shell."""

import os
from pathlib import Path

from ros_env.layout import Layout


def assignments(layout: Layout) -> dict[str, str]:
    """Return variables that replace any earlier value."""
    ours = {"VIRTUAL_ENV": str(layout.venv), "SIAMDW_ROS_VENV": str(layout.venv)}
    if not layout.wheels:
        return ours
    return ours | {
        "AMENT_PREFIX_PATH": str(layout.venv),
        "CMAKE_PREFIX_PATH": str(layout.venv),
        "ROS_DISTRO": layout.distro,
        "ROS_VERSION": "2",
        "ROS_PYTHON_VERSION": "3",
        # Without it, the wheels start Python a second time to set LD_LIBRARY_PATH.
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1",
    }


def prefixes(layout: Layout) -> dict[str, list[Path]]:
    """Return the folders to put in front of search paths, by variable."""
    found = {"PATH": [layout.venv / "bin"]}
    if layout.wheels:
        libraries = sorted(layout.site_packages.glob("ros_*.libs"))
        found["LD_LIBRARY_PATH"] = [layout.venv / "lib", *libraries]
    return found


def variables(layout: Layout, environ: dict[str, str] | None = None) -> dict[str, str]:
    """Return the complete environment of a command, based on `environ` (default: os.environ)."""
    result = dict(os.environ if environ is None else environ)
    result.pop("PYTHONHOME", None)
    for name, folders in prefixes(layout).items():
        old = [result[name]] if result.get(name) else []
        result[name] = os.pathsep.join([*map(str, folders), *old])
    return result | assignments(layout)


def script(layout: Layout) -> str:
    """Return a script for sh, bash and zsh that sets the variables."""
    lines = ["# Written by ros_env; enter the environment with: source ros_env/activate.sh"]
    if not layout.wheels:
        lines += [
            f'if [ "${{ROS_DISTRO:-}}" != "{layout.distro}" ]; then',
            f'  echo "siamdw_ros: source /opt/ros/{layout.distro}/setup.sh first" >&2',
            "  return 1",
            "fi",
        ]
    for name, value in assignments(layout).items():
        lines.append(f'export {name}="{value}"')
    for name, folders in prefixes(layout).items():
        front = os.pathsep.join(map(str, folders))
        lines += [
            f'case ":${{{name}:-}}:" in',
            f'  *":{folders[0]}:"*) ;;',
            f'  *) export {name}="{front}${{{name}:+:${name}}}" ;;',
            "esac",
        ]
    return "\n".join(lines) + "\n"
