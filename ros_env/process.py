"""Runs the commands that build the environment and writes their output to log files."""

import subprocess
from pathlib import Path

from ros_env.host import SetupError

_NO_NETWORK = (
    "NewConnectionError",
    "Temporary failure in name resolution",
    "ConnectTimeoutError",
    "Network is unreachable",
    "Read timed out",
)
_TAIL = 15


def run_logged(
    command: list[str | Path], log: Path, *, what: str, env: dict[str, str] | None = None
) -> None:
    """Run a command and write its output to `log`.

    Raises:
        SetupError: The command failed. The end of its output is printed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        finished = subprocess.run(
            [str(part) for part in command],
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=env,
            check=False,
        )
    if finished.returncode == 0:
        return
    output = log.read_text(errors="replace")
    if any(sign in output for sign in _NO_NETWORK):
        raise SetupError(
            f"{what}: no connection to the package index. Check the network, or set "
            f"PIP_INDEX_URL to a mirror of PyPI (log: {log})"
        )
    print("\n".join(output.splitlines()[-_TAIL:]))
    raise SetupError(f"{what}: failed, see the lines above (log: {log})")
