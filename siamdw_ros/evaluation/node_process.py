"""The tracker node as a process that may be ended in every way a process can end."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

NODE, RESPAWNING_NODE = "siamdw_ros.node.tracker_node", "siamdw_ros.node.process.respawning"
END_SECONDS = 30.0  # a busy machine needs that long to end a node in good order


class TrackerProcess:
    """Starts the node, and starts it again.

    Args:
        log: file that what the node prints is appended to.
        namespace: of the node.
        parameters: of the node.
        remappings: of the node's names, as {"image": "/camera/image_raw"}.
        respawn: the node comes back by itself, see :mod:`siamdw_ros.node.process.respawning`.
    """

    def __init__(
        self,
        log: Path,
        namespace: str = "/",
        parameters: dict[str, Any] | None = None,
        remappings: dict[str, str] | None = None,
        *,
        respawn: bool = False,
    ) -> None:
        self.log = log
        self.respawn = respawn
        rules = {"__ns": namespace, **(remappings or {})}
        self._arguments = ["--ros-args", "--disable-external-lib-logs"]
        for name, value in rules.items():
            self._arguments += ["-r", f"{name}:={value}"]
        for name, value in (parameters or {}).items():
            self._arguments += ["-p", f"{name}:={value}"]
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    RESPAWNING_NODE if self.respawn else NODE,
                    *self._arguments,
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def output(self) -> str:
        """What the node has printed since the first start."""
        return self.log.read_text(errors="replace")

    @property
    def node_id(self) -> int:
        """The id of the process that is the node; 0 while there is none."""
        if not self.respawn:
            return self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children or 0)

    def kill_node(self) -> None:
        """Kill the node of a process that respawns it."""
        os.kill(self.node_id, signal.SIGKILL)

    def kill(self) -> None:
        """End the process as a power cut would: SIGKILL, no goodbye."""
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> int:
        """End the process as Ctrl-C does and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(END_SECONDS)

    def restart(self) -> None:
        """Start the node again, with the same arguments."""
        self.process = self._start()

    def __enter__(self) -> "TrackerProcess":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.alive:
            self.process.send_signal(signal.SIGCONT)  # it may have been stopped
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.interrupt()
        if self.alive:
            self.kill()
