"""Two runs against each other: what may be compared, and what has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.analysis.changes import (
    CHANGES,
    REGRESSIONS,
    VERDICTS,
    Change,
    Options,
    Run,
    changes,
    number_of_tests,
)
from estibench.analysis.contrast import Contrast
from estibench.analysis.noise import noise_warning
from estibench.results.draws import DrawsFolder
from estibench.results.store import Store, latest

if TYPE_CHECKING:
    from torch import Tensor

    from estibench.results.run_directory import Results

MACHINE = {"processor": "processor", "cores": "number of cores"}


@dataclass(frozen=True)
class RunComparison:
    """What has changed between two runs.

    Attributes:
        notes: what was compared, what was not and why, in sentences.
        changes: of every quantity of every cell, the most important first.
    """

    before: str
    after: str
    notes: tuple[str, ...]
    changes: tuple[Change, ...]

    def has(self, what: str) -> bool:
        """Whether there is a `regression` or any `change` at all."""
        wanted = {"regression": REGRESSIONS, "change": CHANGES}.get(what, ())
        return any(change.verdict in wanted for change in self.changes)


def compare_runs(
    before: Results, after: Results, time_margin: float, error_margin: float, any_machine: bool = False
) -> RunComparison:
    """Compare two runs.

    Args:
        time_margin, error_margin: relative changes of a time, and of an error, that count as none.
        any_machine: compare times of different machines, as ratios to their baselines.
    """
    why = why_other_machine(before, after)
    times: Any = "time" if not why else "time_ratio" if any_machine else ""
    confidence = max(before.confidence, after.confidence)
    options = Options(confidence, time_margin, error_margin, times)
    runs = Run(before.frame, before.confidence), Run(after.frame, after.confidence)
    found = changes(*runs, options, from_kept_draws(before, after, options))
    found.sort(key=lambda change: VERDICTS.index(change.verdict))
    times_words = _about_times(found, options, why, [before, after])
    notes = (*_about_runs(before, after), *times_words, _about_tests(found, options))
    return RunComparison(str(before.directory), str(after.directory), notes, tuple(found))


def why_other_machine(before: Results, after: Results) -> str:
    """Why times of two runs do not compare; empty where they do."""
    known = [one.about.get("machine") or {} for one in (before, after)]
    reasons = [
        f"{word} {known[0].get(name)} and {known[1].get(name)}"
        for name, word in MACHINE.items()
        if known[0].get(name) != known[1].get(name)
    ]
    names = [one.about.get("host") for one in (before, after)]
    if names[0] != names[1]:
        reasons.insert(0, f"hosts {names[0]} and {names[1]}")
    threads = [(one.about.get("settings") or {}).get("threads") for one in (before, after)]
    if threads[0] != threads[1]:
        reasons.append(f"{threads[0]} and {threads[1]} threads")
    return ", ".join(map(str, reasons))


def from_kept_draws(
    before: Results, after: Results, options: Options
) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Contrast | None]:
    """The ratio of two cells' MSEs from the squared errors that both runs keep."""
    from estibench.measure.means import ratio_of_means

    kept = [_squared_errors(one.directory) for one in (before, after)]

    def found(old: Mapping[str, Any], new: Mapping[str, Any]) -> Contrast | None:
        a, b = (errors(str(row.get("key"))) for errors, row in zip(kept, (old, new), strict=True))
        if a is None or b is None or not (a.mean() > 0 and b.mean() > 0):
            return None
        interval, p_value = ratio_of_means(b, a, options.confidence)
        edge = 1 + options.error_margin
        if interval.value <= edge and interval.value >= 1 / edge:
            p_value = 1.0
        elif options.error_margin > 0:
            p_value = ratio_of_means(b, a * (edge if interval.value > 1 else 1 / edge), options.confidence)[1]
        return Contrast(interval.value, interval.low, interval.high, p_value)

    return found


def _squared_errors(directory: Path) -> Callable[[str], Tensor | None]:
    """Finds the squared errors of a cell by its key, where the run keeps them and they are more than a handful."""
    from estibench.measure.kept import unpack
    from estibench.measure.rare import barely_seen

    records, folder = latest(Store(directory).read()[0]), DrawsFolder(directory)

    def find(key: str) -> Tensor | None:
        record = records.get((key, "accuracy"))
        path = folder.find(key, record.draws) if record else None
        if path is None:
            return None
        found = unpack(path.read_bytes())
        squared = found.squared_errors
        return None if squared is None or (found.random and barely_seen(squared.sqrt())) else squared

    return find


def _about_runs(before: Results, after: Results) -> Iterator[str]:
    for word, one in (("before", before), ("after", after)):
        about = one.about
        yield (
            f"{word}: {one.directory}, suite {about.get('suite')}, {about.get('started')}, commit "
            f"{str(about.get('commit'))[:12]}, {(about.get('machine') or {}).get('processor')}"
        )
    settings = [one.about.get("settings") or {} for one in (before, after)]
    seeds = [one.get("seed") for one in settings]
    if seeds[0] == seeds[1]:
        yield f"Both runs have the seed {seeds[0]}: draws are paired where both runs keep them."
    else:
        yield f"The seeds are {seeds[0]} and {seeds[1]}: the draws are independent."
    if before.confidence != after.confidence:
        yield (
            f"Intervals are at {100 * before.confidence:g} % before and {100 * after.confidence:g} % after; both are "
            f"brought to {100 * max(before.confidence, after.confidence):g} %."
        )
    machines = [one.about.get("machine") or {} for one in (before, after)]
    for name in ("python", "torch"):
        if machines[0].get(name) != machines[1].get(name):
            yield f"{name}: {machines[0].get(name)} before, {machines[1].get(name)} after."


def _about_times(found: Sequence[Change], options: Options, why: str, runs: Sequence[Results]) -> Iterator[str]:
    if not options.times:
        yield f"Times are not compared: other machines ({why}). --any-machine compares them relative to the baselines."
        return
    if why:
        yield f"Times are compared relative to the baseline of each run, for the machines differ ({why})."
    elif any(change.quantity == "time" for change in found):
        yield f"Times are of one machine; up to {100 * options.time_margin:g} % is no change: runs drift apart by some."
    for word, one in zip(("before", "after"), runs, strict=True):
        warning = noise_warning(one.frame)
        if warning:
            yield f"{word}: {warning}."


def _about_tests(found: list[Change], options: Options) -> str:
    number, margin, level = number_of_tests(found), 100 * options.error_margin, 100 * options.confidence
    return (
        f"{number} tests, corrected together (Holm): the chance that any “better” or “worse” is false is 5 %. Errors "
        f"within {margin:g} % are the same. Intervals are at {level:g} %."
    )
