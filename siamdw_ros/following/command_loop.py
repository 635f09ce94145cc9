"""A thread that calls a function at a steady rate, however busy the node's executor is."""

import threading
import time
from collections.abc import Callable

END_SECONDS = 2.0


class CommandLoop:
    """Calls a function at a steady rate in a thread of its own.

    The executor runs one callback after the other: its timers come late when messages queue up,
    and so would a command of zero.

    Args:
        period: Seconds between two calls.
        step: The function; it must not raise.
    """

    def __init__(self, period: float, step: Callable[[], None]) -> None:
        self._period = period
        self._step = step
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        """Start the thread."""
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
            # After a late call, the next one is a period later: no burst of calls.
            due = max(due + self._period, time.monotonic())
