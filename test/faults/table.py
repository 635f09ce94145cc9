"""Write the tables of docs/reliability.md from what the fault suite and the soak have written.

python test/faults/table.py faults_out soak_out docs/reliability.md
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BEGIN = "<!-- figures: python test/faults/table.py faults_out soak_out docs/reliability.md -->"
END = "<!-- end of figures -->"
ANSWER_LIMIT, PUBLISH_LIMIT, STANDING_LIMIT = 1.0, 2.0, 0.5  # seconds
MADE_UP = "made-up"  # begins the names of messages that hypothesis makes
WORST_OF = ("worst", "slowest")  # counts that begin so are no sums


def read_trials(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The trials of each fault, in the order in which the faults were first tried."""
    trials: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (folder / "trials.jsonl").read_text().splitlines():
        trial = json.loads(line)
        trials[trial["fault"]].append(trial)
    return trials


def total(trials: Iterable[dict[str, Any]]) -> dict[str, int]:
    """All counts of some trials together."""
    together: dict[str, list[int]] = defaultdict(list)
    for trial in trials:
        for name, count in trial["counts"].items():
            together[name].append(count)
    return {n: max(c) if n.startswith(WORST_OF) else sum(c) for n, c in together.items()}


def times(values: list[float | None], limit: float) -> str:
    """Median, worst and the share within the limit."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    within = sum(value <= limit for value in known)
    return f"{statistics.median(known):.2f} / {max(known):.2f} s ({within} of {len(known)})"


def fault_table(trials: dict[str, list[dict[str, Any]]]) -> str:
    """Faults with a recovery: a row each."""
    within = f"answers (within {ANSWER_LIMIT:g} s) | publishes (within {PUBLISH_LIMIT:g} s)"
    rows = [
        f"| fault | tried | target kept | {within} | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for fault, tried in trials.items():
        kept = [trial["kept"] for trial in tried if trial["kept"] is not None]
        rows.append(
            f"| {fault} | {len(tried)} | {f'{sum(kept)} of {len(kept)}' if kept else ''} "
            f"| {times([t['answer'] for t in tried], ANSWER_LIMIT)} "
            f"| {times([t['publish'] for t in tried], PUBLISH_LIMIT)} | {listed(total(tried))} |"
        )
    return "\n".join(rows)


def follower_table(trials: dict[str, list[dict[str, Any]]]) -> str:
    """Faults around the follower: a row each."""
    rows = [
        f"| fault around the follower | tried | stands (within {STANDING_LIMIT:g} s) | |",
        "| --- | --- | --- | --- |",
    ]
    for fault, tried in trials.items():
        stood = times([t["standing"] for t in tried], STANDING_LIMIT)
        name = fault.removeprefix("follower: ")
        rows.append(f"| {name} | {len(tried)} | {stood} | {listed(total(tried))} |")
    return "\n".join(rows)


def count_table(trials: dict[str, list[dict[str, Any]]]) -> str:
    """Faults that are measured by counts alone: a row each."""
    rows = ["| fault | tried | |", "| --- | --- | --- |"]
    rows += [f"| {fault} | {len(t)} | {listed(total(t))} |" for fault, t in trials.items()]
    return "\n".join(rows)


def is_follower(tried: list[dict[str, Any]]) -> bool:
    """Whether a fault was one around the follower."""
    return tried[0].get("standing") is not None


def message_table(trials: dict[str, list[dict[str, Any]]]) -> str:
    """Made-up messages: a row a kind."""
    rows = ["| made-up messages | number | |", "| --- | --- | --- |"]
    made_up = {fault: total(tried) for fault, tried in trials.items()}
    for fault, counts in made_up.items():
        rows.append(f"| {fault} | {sum(counts.values()):,} | {listed(counts)} |")
    everything = sum(sum(counts.values()) for counts in made_up.values())
    return "\n".join([*rows, f"| together | {everything:,} | |"])


def listed(counts: dict[str, int]) -> str:
    """`3 of this, 4 of that` for the last column."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())


def soak_table(summary: dict[str, Any]) -> str:
    """What the soak found."""
    answer = summary["answer_s"]
    rows = [
        "| soak | |",
        "| --- | --- |",
        f"| time | {summary['minutes']:g} minutes |",
        f"| images processed | {summary['images processed']:,} |",
        f"| starts and stops | {summary['starts and stops']:,}, {summary['refused']} refused |",
        f"| deactivated, cleaned up, configured, activated | {summary['configured anew']} times |",
        f"| time to answer | median {answer['median']} s, worst {answer['worst']} s |",
    ]
    for one in summary["growth"]:
        verdict = "flat" if one["flat"] else "**rises**"
        rows.append(
            f"| {one['what']} | median {one['median']:g}, rise {one['rise']:+g} {one['unit']} in "
            f"{60 * one['hours']:.0f} minutes after the warm-up: {verdict} |"
        )
    return "\n".join(rows)


def figures(faults: Path, soak: Path) -> str:
    """All tables."""
    on = json.loads((faults / "machine.json").read_text())
    trials = read_trials(faults)
    machine = "{cpu}, {cores} cores, ROS 2 {ros}, Python {python}".format(**on)
    around = {fault: tried for fault, tried in trials.items() if is_follower(tried)}
    recovered = {fault: tried for fault, tried in trials.items() if tried[0]["answer"] is not None}
    counted = {f: tried for f, tried in trials.items() if f not in around and f not in recovered}
    made_up = {f: tried for f, tried in counted.items() if f.startswith(MADE_UP)}
    counted = {f: tried for f, tried in counted.items() if f not in made_up}
    parts = [f"Machine: {machine}."]
    for kind, write in (
        (recovered, fault_table),
        (counted, count_table),
        (made_up, message_table),
        (around, follower_table),
    ):
        if kind:
            parts.append(write(kind))
    if (soak / "summary.json").is_file():
        parts.append(soak_table(json.loads((soak / "summary.json").read_text())))
    return "\n\n".join(parts)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", type=Path, help="what --fault-results named")
    parser.add_argument("soak", type=Path, help="what the soak's --out named")
    parser.add_argument("page", type=Path, nargs="?", help="page to rewrite (default: print)")
    options = parser.parse_args()
    text = figures(options.faults, options.soak)
    if options.page is None:
        print(text)
        return
    page = options.page.read_text()
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    options.page.write_text(f"{page[:begin]}\n\n{text}\n\n{page[end:]}")


if __name__ == "__main__":
    main()
