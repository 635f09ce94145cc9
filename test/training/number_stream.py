"""A stream of numbers instead of pairs; in a module that worker processes can import."""

import numpy as np

from siamdw_ros.training.stream import PairStream, StepSampler, make_loader


class Numbers:
    """Draws numbers instead of pairs."""

    def sample(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw one."""
        return {"value": rng.random(2)}


def epoch(workers: int, done: int = 0) -> list[list[float]]:
    """What the loader gives from `done` steps on."""
    sampler = StepSampler(4, 3, lambda: done)
    loader = make_loader(PairStream(Numbers(), seed=5), sampler, workers)
    return [batch["value"].tolist() for batch in loader]
