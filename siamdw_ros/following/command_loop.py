"""A thread that decides on commands at a steady rate, however busy the node's executor is."""

import threading
import time
from collections.abc import Callable

END_SECONDS = 2.0


class CommandLoop:
    """Calls a function at a steady rate in a thread of its own.

    The executor runs one callback after the other: a timer of it comes late when messages queue
    up, and a command that should be zero would come late, too.

    Args:
        period: seconds between two calls.
        step: the function; it must not raise.
    """

    def __init__(self, period: float, step: Callable[[], None]) -> None:
        self._period = period
        self._step = step
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        """Start to call."""
        self._thread.start()

    def end(self) -> None:
        """Stop calling; the function is not running any more when this returns."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(due - time.monotonic(), 0.0)):
            self._step()
            # A late call is not made up for.
            due = max(due + self._period, time.monotonic())
