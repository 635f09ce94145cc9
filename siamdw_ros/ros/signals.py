"""SIGINT and SIGTERM end a node with exit code 0, at whatever moment they come.

rclpy's own handlers shut its context down in the middle of whatever the node does. rcl then fails
in one of many ways, also while parameters are declared or a network loads, which looks like a
fault. Here the context stays valid: until a node is created the process just ends,
and from then on the node is asked to end.

Imports nothing slow: a signal that comes before the handlers are set ends in a traceback.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_at_signals() -> None:
    """Let SIGINT and SIGTERM end the process at once, while it has nothing to tidy up."""
    for number in SIGNALS:
        signal.signal(number, _end)


def _end(_number: int, _frame: object) -> None:
    # Not sys.exit: an exception inside an import is reported in several ways, all of them long.
    os._exit(0)


@contextlib.contextmanager
def calling_at_signal(call: Callable[[], None]) -> Iterator[None]:
    """Call something once, at the first SIGINT or SIGTERM; any later one raises KeyboardInterrupt.

    Args:
        call: Called in a thread of its own: the main thread may be waiting inside of rcl, where
            it runs no handler.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wait() -> None:
        if os.read(reading, 1):  # nothing: closed without a signal
            call()

    def noted(_number: int, _frame: object) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler)

    waiting = threading.Thread(target=wait, name="signals", daemon=True)
    waiting.start()
    wakeup = signal.set_wakeup_fd(writing)  # before the handlers: each signal is written to it
    handlers = {number: signal.signal(number, noted) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(writing)
        waiting.join()
        os.close(reading)
