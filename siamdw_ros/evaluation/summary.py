"""Figures over all sequences, for one tracker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation import metrics
from siamdw_ros.evaluation.one_pass import Run, Score, score
from siamdw_ros.evaluation.sequences import AnnotatedSequence
from siamdw_ros.evaluation.vot import VotScore, accuracy, eao, robustness


@dataclass(frozen=True)
class Summary:
    """The figures of one tracker.

    Attributes:
        label: of the tracker.
        scores: of each sequence, one pass.
        attributes: area under the success curve by attribute, the mean over its sequences.
        vot: scores of each sequence, supervised.
    """

    label: str
    scores: Sequence[Score]
    attributes: Mapping[str, float]
    vot: Sequence[VotScore] = ()

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """Of all frames of all sequences but their first, one after the other (GOT-10k)."""
        return np.concatenate([np.empty(0), *(score.overlaps for score in self.scores)])

    @property
    def success(self) -> NDArray[np.float64]:
        """Mean of the sequences' success curves (OTB)."""
        return np.asarray(np.mean([score.success for score in self.scores], axis=0))

    @property
    def precision(self) -> NDArray[np.float64]:
        """Mean of the sequences' precision curves (OTB)."""
        return np.asarray(np.mean([score.precision for score in self.scores], axis=0))

    def figures(self) -> dict[str, float]:
        """Return the usual figures by name: GOT-10k's over frames, OTB's over sequences."""
        overlaps = self.overlaps
        seconds = [score.frames / score.frames_per_second for score in self.scores]
        return {
            "frames": sum(score.frames for score in self.scores),
            "AO": float(overlaps.mean()) if overlaps.size else float("nan"),
            "mean AO": float(np.mean([score.mean_overlap for score in self.scores])),
            "SR0.5": metrics.success_rate(overlaps, 0.5),
            "SR0.75": metrics.success_rate(overlaps, 0.75),
            "success AUC": float(self.success.mean()),
            "precision 20 px": float(self.precision[metrics.PRECISION_AT]),
            "norm. precision": float(np.mean([s.normalised_auc for s in self.scores])),
            "frames/s": sum(score.frames for score in self.scores) / max(sum(seconds), 1e-9),
        }

    def presence(self) -> dict[str, float]:
        """Return how often the tracker reports LOST, with and without a target in view."""
        scores = self.scores
        absent = sum(score.absent for score in scores)
        visible = sum(score.frames for score in scores)
        return {
            "absent frames": absent,
            "reported LOST": _share([score.absent_lost for score in scores], absent),
            "reported UNCERTAIN": _share(
                [score.absent_uncertain for score in self.scores], absent
            ),
            "visible, reported LOST": _share(
                [score.visible_lost for score in self.scores], visible
            ),
        }

    def vot_figures(self, interval: tuple[int, int]) -> dict[str, float]:
        """Return VOT's figures; robustness is failures per hundred frames."""
        return {
            "accuracy": accuracy(self.vot),
            "robustness": robustness(self.vot),
            "failures": sum(len(score.failures) for score in self.vot),
            "EAO": eao(self.vot, interval),
        }

    def as_json(self, interval: tuple[int, int]) -> dict[str, Any]:
        """Return all figures, for programs."""
        result: dict[str, Any] = {"tracker": self.label}
        if self.scores:
            result |= {
                "one_pass": self.figures(),
                "presence": self.presence(),
                "attributes": dict(self.attributes),
                "success_curve": self.success.tolist(),
                "precision_curve": self.precision.tolist(),
                "sequences": {score.name: sequence_figures(score) for score in self.scores},
            }
        if self.vot:
            result["supervised"] = {**self.vot_figures(interval), "interval": interval}
        return result


def summarise(
    label: str,
    runs: Sequence[tuple[AnnotatedSequence, Run]],
    vot: Sequence[VotScore] = (),
) -> Summary:
    """Score all runs of a tracker."""
    scores = [score(run, sequence) for sequence, run in runs]
    curves: dict[str, list[float]] = {}
    for sequence, run in runs:
        for name, mask in sequence.attributes.items():
            if (mask & sequence.visible).any():
                curves.setdefault(name, []).append(score(run, sequence, mask).success_auc)
    attributes = {name: float(np.mean(values)) for name, values in sorted(curves.items())}
    return Summary(label, scores, attributes, vot)


def sequence_figures(score: Score) -> dict[str, float | None]:
    """Return the figures of one sequence by name."""
    return {
        "frames": score.frames,
        "AO": score.mean_overlap,
        "SR0.5": score.success_rate(0.5),
        "SR0.75": score.success_rate(0.75),
        "success AUC": score.success_auc,
        "precision 20 px": score.precision_20,
        "norm. precision": score.normalised_auc,
        "frames/s": score.frames_per_second,
        "absent frames": score.absent,
        "first failure": score.first_failure,
    }


def _share(counts: Sequence[int], total: int) -> float:
    return sum(counts) / total if total else float("nan")
