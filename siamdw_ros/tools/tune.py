"""Search for the hyper-parameters that follow given sequences best.

Optuna's TPE, as the authors tune per data set and checkpoint. The search is kept in an SQLite
file: interrupted, it goes on from there; several processes may search together with one file.
Tune on other sequences than those that you report.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from siamdw_ros.evaluation.runner import bound_threads
from siamdw_ros.evaluation.tuning import (
    OBJECTIVES,
    Range,
    check_ranges,
    default_ranges,
    objective,
    starting_point,
    trial_sampler,
    write_preset,
)
from siamdw_ros.tools.command_line import GOES_ON, called_as, positive, run_command, whole_number
from siamdw_ros.tools.evaluate import add_tracker_options, read_sequences, tracker_options

SEED = partial(whole_number, 0, 2**32 - 1)  # what NumPy takes


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("tune"),
        description=__doc__,
        epilog="Afterwards: evaluate SEQUENCE --tracker tuned.yaml, "
        "and ros2 run siamdw_ros tracker_node --ros-args --params-file tuned_node.yaml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sequences", type=Path, nargs="+", metavar="SEQUENCE")
    add_tracker_options(parser)
    parser.add_argument(
        "--range",
        action="append",
        type=_range,
        metavar="NAME=LOW:HIGH",
        help="search this hyper-parameter only; may be repeated (default: the authors' ranges)",
    )
    parser.add_argument("--objective", choices=OBJECTIVES, default="ao", help="default: ao")
    parser.add_argument(
        "--trials", type=positive, default=200, metavar="N", help="in all, resumed ones included"
    )
    parser.add_argument(
        "--every", type=positive, default=1, metavar="N", help="take every N-th frame"
    )
    parser.add_argument("--seed", type=SEED, default=0, help="of the search; default: 0")
    parser.add_argument("--threads", type=positive, metavar="N", help="CPU threads")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("tuned.yaml"),
        help="preset to write (default: tuned.yaml)",
    )
    return parser.parse_args(arguments)


def _range(text: str) -> Range:
    try:
        name, limits = text.split("=")
        low, high = map(float, limits.split(":"))
        return Range(name, low, high)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=LOW:HIGH ({error})") from error


def tune(options: argparse.Namespace, optuna: Any) -> Any:
    """Search, and return Optuna's study.

    Raises:
        ValueError, FileNotFoundError, CheckpointError: what was asked for cannot be.
    """
    spec = tracker_options(options)
    ranges = options.range or default_ranges(spec)
    check_ranges(spec, ranges)
    sequences = read_sequences(options.sequences, options.every)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    names = ",".join(f"{r.name}={r.low:g}:{r.high:g}" for r in ranges)
    identities = json.dumps([s.identity(all_boxes=True) for s in sequences], sort_keys=True)
    videos = hashlib.sha256(identities.encode()).hexdigest()[:16]
    study = optuna.create_study(
        storage=f"sqlite:///{options.out.with_suffix('.db').resolve()}",
        # Another question is another study in the same file, never mixed with this one.
        study_name=f"{options.objective} {[s.name for s in sequences]} {videos} "
        f"/{options.every} {sorted(spec.settings().items(), key=str)} {names}",
        direction="maximize",
        sampler=trial_sampler(options.seed),
        load_if_exists=True,
    )
    states = optuna.trial.TrialState
    done = study.get_trials(deepcopy=False, states=(states.COMPLETE,))
    start = dataclasses.asdict(starting_point(spec))
    present = {r.name: min(max(start[r.name], r.low), r.high) for r in ranges}
    # One that failed or was interrupted does not count. One that waits is the next to run.
    waiting = study.get_trials(deepcopy=False, states=(states.WAITING,))
    if not waiting and all(trial.params != present for trial in done):
        study.enqueue_trial(present)
    if left := options.trials - len(done):
        study.optimize(
            objective(spec, sequences, ranges, options.objective),
            n_trials=max(0, left),
            callbacks=[optuna.study.MaxTrialsCallback(options.trials)],  # of all processes
            show_progress_bar=True,
        )
    about = (
        f"{options.objective} {study.best_value:.4f} on "
        f"{', '.join(s.name for s in sequences)}; {len(study.trials)} trials"
    )
    write_preset(options.out, spec, study.best_params, about)
    print(f"{about}\nwritten to {options.out}:")
    for name, value in study.best_params.items():
        print(f"  {name:<20} {value:.4g}")
    return study


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    try:
        import optuna
    except ImportError:
        print("tune: needs Optuna: pip install optuna", file=sys.stderr)
        return 2
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    bound_threads(options.threads)

    def work() -> None:
        tune(options, optuna)

    return run_command("tune", work, GOES_ON)


if __name__ == "__main__":
    sys.exit(main())
