"""Tune hyper-parameters on annotated sequences with Optuna's TPE, as the authors do per data set.

The authors' ranges: `siamese_tracking/tune_tpe.py` of researchmm/SiamDW at commit c82b059.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from siamdw_ros.evaluation.one_pass import follow, score
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.trackers import SiamDW
from siamdw_ros.evaluation.vot import EAO_INTERVALS, accuracy, eao, supervise, vot_score
from siamdw_ros.siamdw.hyperparameters import Hyper, hyperparameters

# The authors', for SiamFC+ and SiamRPN+; memory and the box network's own ones are ours.
RANGES: Mapping[str, tuple[float, float]] = {
    "scale_step": (1.0, 1.2),
    "scale_penalty": (0.95, 1.0),
    "scale_rate": (0.15, 0.7),
    "window_influence": (0.05, 0.7),
    "memory": (0.0, 0.8),
    "memory_rate": (0.02, 0.4),
    "penalty_k": (0.001, 0.6),
    "rate": (0.1, 0.8),
    "quality_weight": (0.0, 1.5),
    "max_growth": (1.03, 1.5),
}
# Those that the node has as parameters; node/parameters.py cannot be imported without ROS.
OF_NODE = (*RANGES, "wide_instance_size", "presence_midpoint", "presence_slope")
OBJECTIVES = ("ao", "auc", "eao", "accuracy")


@dataclass(frozen=True)
class Range:
    """Range of a hyper-parameter, from low to high, both included."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:  # also catches nan
            raise ValueError(f"{self.name}: {self.low:g} must be less than {self.high:g}")

    def suggest(self, trial: Any, default: float) -> float | int:
        """Let Optuna choose."""
        if isinstance(default, int):
            return int(trial.suggest_int(self.name, int(self.low), int(self.high)))
        return float(trial.suggest_float(self.name, self.low, self.high))


def default_ranges(spec: SiamDW) -> list[Range]:
    """Ranges of those hyper-parameters that the tracker has and that are switched on."""
    hyper = starting_point(spec)
    off = set() if getattr(hyper, "memory", 0.0) else {"memory", "memory_rate"}
    return [
        Range(field.name, *RANGES[field.name])
        for field in dataclasses.fields(hyper)
        if field.name in RANGES and field.name not in off
    ]


def starting_point(spec: SiamDW) -> Hyper:
    """The setting that the search begins with."""
    return hyperparameters(spec.model, spec.preset, **_hyper_only(spec))


def _hyper_only(spec: SiamDW) -> dict[str, Any]:
    """Overrides that are hyper-parameters, without create_multi_tracker's other options."""
    known = {field.name for field in dataclasses.fields(hyperparameters(spec.model, spec.preset))}
    return {name: value for name, value in spec.overrides.items() if name in known}


def check_ranges(spec: SiamDW, ranges: Sequence[Range]) -> None:
    """Find out before hours of work that a range is not valid.

    Raises:
        ValueError: the tracker has no such hyper-parameter, or not these values of it.
    """
    for range_ in ranges:
        start = getattr(starting_point(spec), range_.name, None)
        for value in (range_.low, range_.high):
            given = int(value) if isinstance(start, int) else value
            hyperparameters(spec.model, spec.preset, **{**_hyper_only(spec), range_.name: given})


def trial_sampler(seed: int) -> Any:
    """Make Optuna's TPE sampler, seeded for each trial by the trial's number.

    The storage numbers the trials. Thus neither a resumed search nor a second process proposes the
    same ones again, and a resumed search proposes what an uninterrupted one does.
    """
    import optuna

    class TrialSampler(optuna.samplers.TPESampler):
        def before_trial(self, study: Any, trial: Any) -> None:
            state = np.random.SeedSequence((seed, trial.number)).generate_state(1)
            super().__init__(seed=int(state[0]), multivariate=True)
            super().before_trial(study, trial)

    return TrialSampler(multivariate=True)


def objective(
    spec: SiamDW, sequences: Sequence[AnnotatedSequence], ranges: Sequence[Range], what: str
) -> Callable[[Any], float]:
    """Make the function of a trial that Optuna maximises.

    Args:
        spec: the tracker; its overrides stay, where no range changes them.
        sequences: to run on.
        ranges: to search.
        what: one of :data:`OBJECTIVES`: mean over sequences of GOT-10k's average overlap or of
            OTB's area under the success curve, or VOT's expected overlap or accuracy.
    """
    start = starting_point(spec)

    def value(trial: Any) -> float:
        chosen = {r.name: r.suggest(trial, getattr(start, r.name)) for r in ranges}
        tuned = dataclasses.replace(spec, overrides={**spec.overrides, **chosen})
        try:
            tracker = tuned.build()
        except ValueError as error:  # values that do not go together
            import optuna

            raise optuna.TrialPruned(str(error)) from error
        if what in ("eao", "accuracy"):
            found = [vot_score(supervise(tracker, s), s) for s in sequences]
            interval = EAO_INTERVALS["vot2018"]
            result = eao(found, interval) if what == "eao" else accuracy(found)
        else:
            scores = [score(follow(tracker, s), s) for s in sequences]
            single = [s.mean_overlap if what == "ao" else s.success_auc for s in scores]
            result = float(np.mean(single))
        if np.isnan(result):
            raise ValueError(f"{what} is not defined: sequences too short for EAO's lengths?")
        return result

    return value


def write_preset(path: Path, spec: SiamDW, best: Mapping[str, Any], about: str) -> None:
    """Write a tracker as `evaluate --tracker` reads it, and as parameters of the node.

    Args:
        path: of the YAML file; the node's parameters lie beside it, `*_node.yaml`.
        spec: the tracker that was tuned.
        best: the hyper-parameters found.
        about: for the first line, what they are best at.
    """
    overrides = {**spec.overrides, **best}
    tracker: dict[str, Any] = {"model": spec.model}
    tracker |= {k: v for k in ("checkpoint", "preset") if (v := getattr(spec, k)) is not None}
    known = {name: float(value) for name, value in overrides.items() if name in OF_NODE}
    left_out = [f"{name}: {value}" for name, value in overrides.items() if name not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# {about}\n"
    path.write_text(head + yaml.safe_dump({**tracker, "overrides": overrides}, sort_keys=False))
    node = {"/**": {"ros__parameters": {**tracker, "tracker": known}}}
    if left_out:
        head += f"# Left out, since the node has no such parameter: {', '.join(left_out)}\n"
    beside = path.with_name(f"{path.stem}_node.yaml")
    beside.write_text(head + yaml.safe_dump(node, sort_keys=False))
