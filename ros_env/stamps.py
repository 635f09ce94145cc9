"""Stores which steps are done: a second run skips them, and an interrupted run is detected."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(*parts: str | Path) -> str:
    """Return a short hash of texts and of the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()[:16]


class Stamps:
    """One file per finished step, with the key of the inputs it was run with.

    Args:
        folder: Folder of the files. It need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_done(self, step: str, key: str) -> bool:
        """Return whether a step has finished with these inputs."""
        stamp = self.folder / step
        return stamp.is_file() and stamp.read_text() == key

    def begin(self, step: str) -> None:
        """Record that a step starts to change the environment."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / step).unlink(missing_ok=True)
        self._started(step).touch()

    def finish(self, step: str, key: str) -> None:
        """Record that a step is done."""
        (self.folder / step).write_text(key)
        self._started(step).unlink(missing_ok=True)

    def give_up(self, step: str) -> None:
        """Record that a step failed and left nothing unfinished."""
        self._started(step).unlink(missing_ok=True)

    def killed(self, steps: Iterable[str]) -> bool:
        """Return whether a run was interrupted during one of these steps."""
        return any(self._started(step).exists() for step in steps)

    def _started(self, step: str) -> Path:
        return self.folder / f"{step}.started"
