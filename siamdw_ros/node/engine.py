"""The network and the tracking method, from being loaded to being let go."""

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from siamdw_ros.node.managed_node import Outcome
from siamdw_ros.node.parameters import Settings

if TYPE_CHECKING:
    from siamdw_ros.siamdw.multi_tracker import MultiTracker


class Engine:
    """A tracking method that is ready to run. Whoever has it is the only one to use it.

    Imports torch, and takes seconds; see :class:`Loader`.

    Raises:
        ValueError, OSError, RuntimeError: there is no such network, file or device, or they do
            not work together; the message says why.
    """

    def __init__(self, settings: Settings) -> None:
        import torch

        from siamdw_ros.siamdw import create_multi_tracker
        from siamdw_ros.siamdw.cpu_cores import choose_threads

        torch.set_num_threads(choose_threads(settings.threads))
        self.method: MultiTracker[Any] = create_multi_tracker(
            settings.model,
            settings.checkpoint or None,
            settings.device,
            settings.preset or None,
            thresholds=settings.thresholds(),
            half=settings.half(),
            backend=settings.backend,
            **settings.hyper(),
        )
        self.device = str(self.method.runtime.device)
        self.method.warm_up()  # so that no image of a camera waits for a compiler

    def check(self, settings: Settings) -> Any:
        """The hyper-parameters that settings lead to; callable from any thread.

        Raises:
            ValueError: they do not fit the network.
        """
        from siamdw_ros.siamdw.hyperparameters import hyperparameters

        return hyperparameters(settings.model, settings.preset or None, **settings.hyper())

    def apply(self, settings: Settings) -> None:
        """Take over what may change while it runs.

        Raises:
            ValueError: the hyper-parameters do not fit the network.
        """
        self.method.configure(self.check(settings), settings.thresholds())

    def release(self) -> None:
        """Free what the method made for the image sizes it has seen."""
        self.method.release()


def free_memory() -> None:
    """Give back memory of the GPU that nothing needs any more."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


class Loader(threading.Thread):
    """Makes an engine in the background, so that the node answers meanwhile.

    A daemon: it may be inside a driver that never comes back.

    Args:
        settings: the node's parameters.
        wake: called when `outcome`, an engine or the text of an error, is there.
    """

    def __init__(self, settings: Settings, wake: Callable[..., None]) -> None:
        super().__init__(name="siamdw_loader", daemon=True)
        self.settings = settings
        self.seconds = 0.0
        self.outcome = Outcome(wake, time.monotonic() + settings.load_timeout)
        self.start()

    def run(self) -> None:
        """Load, and tell."""
        start = time.monotonic()
        try:
            made: Engine | str = Engine(self.settings)
        except Exception as error:  # whatever it is, requests are answered with it
            made = str(error) or repr(error)
        self.seconds = time.monotonic() - start
        self.outcome.settle(made)

    def check_deadline(self) -> None:
        """Give up when it takes too long."""
        if time.monotonic() >= self.outcome.deadline:
            self.outcome.settle(f"not loaded within {self.settings.load_timeout:g} s")
