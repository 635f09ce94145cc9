"""The stream of pairs: pair number n of a run is the same however it is run.

It is drawn from (seed, n) alone. So a run that is resumed, or has other worker processes, draws
the same pairs, and no two processes of a distributed one draw the same pair.
"""

import sys
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from siamdw_ros.training.objectives import Arrays, Objective

LOADED_BEFORE_FORK = {"openvino", "onnxruntime"}  # libraries after which a fork is not safe


class PairStream(Dataset[Arrays]):
    """Pairs by number."""

    def __init__(self, objective: Objective, seed: int) -> None:
        self.objective, self.seed = objective, seed

    def __getitem__(self, number: int) -> Arrays:
        """Draw pair `number`."""
        return self.objective.sample(np.random.default_rng((self.seed, number)))


class StepSampler(Sampler[list[int]]):
    """The numbers of the pairs of each step of an epoch, from where the run is.

    Args:
        steps: an epoch.
        batch: Pairs per step and process.
        position: returns how many steps of the run are done.
        rank, world: which process this is, of how many.
    """

    def __init__(
        self, steps: int, batch: int, position: Callable[[], int], rank: int = 0, world: int = 1
    ) -> None:
        self.steps, self.batch, self.position = steps, batch, position
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        """Steps of a whole epoch, also where the run goes on in the middle of one."""
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        """Give this process's pairs of each step that is left of the epoch."""
        done = self.position()
        for step in range(done, (done // self.steps + 1) * self.steps):
            first = (step * self.world + self.rank) * self.batch
            yield list(range(first, first + self.batch))


def make_loader(stream: PairStream, sampler: StepSampler, workers: int) -> DataLoader[Arrays]:
    """Draw pairs in worker processes; each step's pairs are drawn by one of them."""
    return DataLoader(
        stream,
        batch_sampler=sampler,
        num_workers=workers,
        multiprocessing_context=start_method() if workers else None,
        worker_init_fn=_one_thread,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )


def start_method() -> str:
    """Return how to start worker processes: `fork`, or `forkserver` where a fork would crash.

    Forked workers share the data sets in memory. But they end in a segmentation fault when a
    library that starts threads of its own was loaded before, because a fork copies only one
    thread. Workers of a fork server get a copy of the data each.
    """
    return "forkserver" if LOADED_BEFORE_FORK & sys.modules.keys() else "fork"


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)
