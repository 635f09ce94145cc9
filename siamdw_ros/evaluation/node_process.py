"""Modules of this package as processes: the tracker node, cameras, players.

They end with the process that started them, also when that is killed.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ament_index_python.packages import get_package_share_directory

from siamdw_ros.node.process.with_parent import module_command

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

NODE, RESPAWNING_NODE = "siamdw_ros.node", "siamdw_ros.node.process.respawning"
END_SECONDS = 30.0  # a busy machine needs that long to end a node in good order


def isolate() -> None:
    """Use a ROS domain of this run, on this machine only, and the Fast DDS profile we ship."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(50 + os.getpid() % 50))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    use_fastdds_profile()


def use_fastdds_profile() -> None:
    """Use the Fast DDS profile we ship in this process, so that large images arrive."""
    profile = Path(get_package_share_directory("siamdw_ros"), "config", "fastdds.xml")
    # Fast DDS 2 reads only the first name, Fast DDS 3 takes a file twice when both are set.
    older = os.environ.get("ROS_DISTRO") in ("humble", "jazzy")
    os.environ.setdefault(
        f"{'FASTRTPS' if older else 'FASTDDS'}_DEFAULT_PROFILES_FILE", str(profile)
    )


class ModuleProcess:
    """A module of this package, run with `python -m` until its `with` block ends.

    Args:
        module: its full name.
        arguments: of its command line.
        log: file that its output is appended to; None: the terminal.
    """

    def __init__(
        self, module: str, arguments: Sequence[str] = (), log: Path | None = None
    ) -> None:
        self.log = log
        self._command = module_command(module, arguments)
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        if self.log is None:
            return subprocess.Popen(self._command)
        with self.log.open("ab") as output:
            return subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return what the process has printed since its first start; it needs a log."""
        return self.log.read_text(errors="replace") if self.log else ""

    def kill(self) -> None:
        """End the process as a power cut would, by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> int:
        """End the process as Ctrl-C does and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(END_SECONDS)

    def restart(self) -> None:
        """Start the process again, with the same arguments."""
        self.process = self._start()

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.alive:
            self.process.send_signal(signal.SIGCONT)  # it may have been stopped
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.interrupt()
        if self.alive:
            self.kill()


class TrackerProcess(ModuleProcess):
    """The tracker node as a process.

    Args:
        log: see :class:`ModuleProcess`.
        namespace: of the node.
        parameters: of the node.
        remappings: of the node's names, as {"image": "/camera/image_raw"}.
        respawn: restart the node when it is killed, see :mod:`siamdw_ros.node.process.respawning`.
        arguments: further ones, for ROS.
    """

    def __init__(
        self,
        log: Path | None = None,
        namespace: str = "/",
        parameters: Mapping[str, Any] | None = None,
        remappings: Mapping[str, str] | None = None,
        *,
        respawn: bool = False,
        arguments: Sequence[str] = (),
    ) -> None:
        self.namespace = namespace
        self.respawn = respawn
        ros = ["--ros-args", "--disable-external-lib-logs", *arguments]
        for name, value in {"__ns": namespace, **(remappings or {})}.items():
            ros += ["-r", f"{name}:={value}"]
        for name, value in (parameters or {}).items():
            ros += ["-p", f"{name}:={value}"]
        super().__init__(RESPAWNING_NODE if respawn else NODE, ros, log)

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
