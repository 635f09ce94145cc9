"""Loading the network and the tracker, and releasing them."""

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from siamdw_ros.node.managed_node import Outcome
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.throttled_log import ThrottledLog

if TYPE_CHECKING:
    from siamdw_ros.siamdw.extent import ExtentFinder
    from siamdw_ros.siamdw.hyperparameters import Hyper
    from siamdw_ros.siamdw.multi_tracker import MultiTracker

MEMORY_PERIOD = 1.0  # seconds between two measurements of the GPU's memory


class Engine:
    """A network and a tracker that are ready to run. The inference thread is their only user.

    Creating one imports torch and takes seconds, see :class:`Loader`.

    Attributes:
        tracker: The tracker.
        extents: Finds the box of an object at a point.
        device: Device of the network, for example `cuda:0`.
        memory: Memory of a GPU by name, see :func:`gpu_memory`.

    Raises:
        ValueError, OSError, RuntimeError: There is no such network, file or device, or they do
            not work together; the message has the reason.
    """

    def __init__(self, settings: Settings) -> None:
        import torch

        from siamdw_ros.siamdw import create_multi_tracker
        from siamdw_ros.siamdw.cpu_cores import choose_threads
        from siamdw_ros.siamdw.extent import create_extent_finder

        torch.set_num_threads(choose_threads(settings.threads))
        self.tracker: MultiTracker[Any] = create_multi_tracker(
            settings.model,
            settings.checkpoint or None,
            settings.device,
            settings.preset or None,
            thresholds=settings.thresholds(),
            precision=settings.precision,
            backend=settings.backend,
            **settings.hyper(),
        )
        self.device = str(self.tracker.runtime.device)
        self.extents: ExtentFinder = create_extent_finder(self.device, backend=settings.backend)
        self.memory: dict[str, float | str] = {}
        self._next_measurement = 0.0
        self.tracker.warm_up()  # so that no image of a camera waits for a compiler
        self.extents.warm_up()

    def hyperparameters(self, settings: Settings) -> "Hyper":
        """Return the hyper-parameters that settings lead to. Callable from any thread.

        Raises:
            ValueError: They do not fit the network.
        """
        from siamdw_ros.siamdw.hyperparameters import hyperparameters

        return hyperparameters(settings.model, settings.preset or None, **settings.hyper())

    def apply(self, settings: Settings) -> None:
        """Use changed hyper-parameters and thresholds from now on.

        Raises:
            ValueError: The hyper-parameters do not fit the network.
        """
        sides = self.tracker.window_sides()
        self.tracker.configure(self.hyperparameters(settings), settings.thresholds())
        if self.tracker.window_sides() != sides:
            self.tracker.warm_up()  # now: the first search with a new side would compile it

    def release(self) -> None:
        """Release what the tracker made for the image sizes that it has seen."""
        self.tracker.release()

    def measure_memory(self, now: float) -> None:
        """Measure the GPU's memory, at most once per second, into `memory`.

        In the inference thread: a hung driver must not block the executor's thread, which answers
        requests.

        Args:
            now: Time of the steady clock, in seconds.
        """
        if now >= self._next_measurement:
            self._next_measurement = now + MEMORY_PERIOD
            self.memory = gpu_memory(self.device)


def gpu_memory(device: str) -> dict[str, float | str]:
    """Return the memory of a GPU in MiB: this process's and the whole; empty for a CPU."""
    if not device.startswith("cuda"):
        return {}
    import torch

    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError as problem:  # the device failed; the rest is reported all the same
        return {"GPU memory": f"unknown: {problem}"}
    return {
        "GPU memory allocated (MiB)": torch.cuda.memory_allocated(device) / 2**20,
        "GPU memory reserved (MiB)": torch.cuda.memory_reserved(device) / 2**20,
        "GPU memory used by all (MiB)": (total - free) / 2**20,
        "GPU memory (MiB)": total / 2**20,
    }


def free_memory() -> None:
    """Release memory of the GPU that is not used any more."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


class Loader(threading.Thread):
    """Creates an engine in the background; the node answers requests meanwhile.

    A daemon thread: it may be inside a driver that never returns.

    Args:
        settings: The node's parameters.
        wake: Called when `outcome` is settled, with an engine or the text of an error.
        log: Log of the node.
    """

    def __init__(self, settings: Settings, wake: Callable[..., None], log: ThrottledLog) -> None:
        super().__init__(name="siamdw_loader", daemon=True)
        self.settings = settings
        self._log = log
        self.seconds = 0.0
        self.outcome = Outcome(wake)
        self._created = time.monotonic()
        self._deadline = self._created + settings.load_timeout

    def run(self) -> None:
        """Load the network, and settle the outcome."""
        start = time.monotonic()
        try:
            made: Engine | str = Engine(self.settings)
        except (ValueError, OSError, RuntimeError) as error:
            made = str(error) or repr(error)
        except Exception as error:
            self._log.exception("loading the network", error)
            made = repr(error)
        self.seconds = time.monotonic() - start
        self.outcome.settle(made)

    def check_deadline(self) -> None:
        """Settle the outcome with an error if loading takes too long.

        Without a lifecycle manager (`autostart`), nothing would configure the node again: loading
        goes on for as long as it takes, and is only reported.
        """
        now = time.monotonic()
        if now < self._deadline:
            return
        if not self.settings.autostart:
            self.outcome.settle(f"not loaded within {self.settings.load_timeout:g} s")
            return
        self._deadline = now + self.settings.load_timeout
        seconds = now - self._created
        self._log.warning("loading", f"the network is still being loaded after {seconds:.0f} s")
