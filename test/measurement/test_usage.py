"""Processor time is measured by kind of thread."""

import os
import threading
import time

from siamdw_ros.measurement.usage import usage
from siamdw_ros.node.receiver import THREAD, name_thread


def test_a_thread_that_bears_the_receivers_name_is_counted_as_it() -> None:
    enough = threading.Event()

    def work() -> None:
        name_thread(THREAD)
        while not enough.is_set():
            pass

    before = usage(os.getpid()).seconds
    assert before["receiver"] == 0.0
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    end = time.monotonic() + 20.0
    while not (seconds := usage(os.getpid()).seconds["receiver"]):
        assert time.monotonic() < end
    enough.set()
    worker.join()
    assert 0.0 < seconds < 20.0
