"""Remembers which steps are done, so that a second run is quick and a killed one is noticed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(*parts: str | Path) -> str:
    """One short key for texts and for the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()[:16]


class Stamps:
    """A stamp is written when a step has finished and holds the key of what it was made from."""

    def __init__(self, folder: Path) -> None:
        """Keep the stamps in `folder`, which need not exist yet."""
        self.folder = folder

    def is_done(self, step: str, key: str) -> bool:
        """Has this step finished, with exactly these inputs?"""
        stamp = self.folder / step
        return stamp.is_file() and stamp.read_text() == key

    def begin(self, step: str) -> None:
        """The step is about to change the environment."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / step).unlink(missing_ok=True)
        self._started(step).touch()

    def finish(self, step: str, key: str) -> None:
        """The step is done."""
        (self.folder / step).write_text(key)
        self._started(step).unlink(missing_ok=True)

    def give_up(self, step: str) -> None:
        """The step failed by itself and left nothing half done."""
        self._started(step).unlink(missing_ok=True)

    def killed(self, steps: Iterable[str]) -> bool:
        """Was a run ended in the middle of one of these steps?"""
        return any(self._started(step).exists() for step in steps)

    def _started(self, step: str) -> Path:
        return self.folder / f"{step}.started"
