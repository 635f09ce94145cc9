"""The stream of pairs is the same however a run is run."""

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


def test_worker_processes_do_not_change_the_stream() -> None:
    assert epoch(workers=0) == epoch(workers=2)


def test_a_run_that_goes_on_sees_the_rest_of_its_epoch() -> None:
    assert epoch(workers=0, done=2) == epoch(workers=0)[2:]


def test_the_next_epoch_has_other_pairs() -> None:
    first, second = epoch(workers=0), epoch(workers=0, done=4)
    assert len(second) == 4
    assert not {tuple(pair) for batch in first for pair in batch} & {
        tuple(pair) for batch in second for pair in batch
    }


def test_processes_share_the_pairs_of_a_step() -> None:
    alone = list(StepSampler(2, 4, lambda: 0))
    ranks = [list(StepSampler(2, 2, lambda: 0, rank, world=2)) for rank in range(2)]
    assert [a + b for a, b in zip(*ranks, strict=True)] == alone


def test_another_seed_gives_other_pairs() -> None:
    first, second = (PairStream(Numbers(), seed)[0]["value"].tolist() for seed in (0, 1))
    assert first != second
