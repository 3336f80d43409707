"""What has changed between two runs: cell by cell, each change judged, corrected for the number of tests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from estibench.analysis.cells import at_rounding
from estibench.analysis.contrast import Contrast, contrast, difference, measured
from estibench.analysis.verdicts import ERROR_RATE, holm
from estibench.columns import ERROR_PREFIX

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal[
    "now fails", "worse", "gone", "works again", "better", "new", "not told apart", "same", "identical"
]  # in the order of interest
VERDICTS: tuple[Verdict, ...] = (
    *("now fails", "worse", "gone", "works again", "better", "new"),
    *("not told apart", "same", "identical"),
)
REGRESSIONS = ("now fails", "worse")
CHANGES = VERDICTS[:6]
CELL = ("task", "problem", "estimator", "device", "dtype")
Name = tuple[str, ...]

# The change of a cell's MSE from the draws of both runs, for a margin; None where draws of either are not kept.
FromDraws = Callable[[Mapping[str, Any], Mapping[str, Any]], Contrast | None]


@dataclass(frozen=True)
class Run:
    """One of the two runs.

    Attributes:
        frame: its table.
        confidence: of its intervals.
    """

    frame: pd.DataFrame
    confidence: float


@dataclass(frozen=True)
class Options:
    """How changes are judged.

    Attributes:
        confidence: of the intervals of the comparison.
        time_margin, error_margin: relative changes of a time, and of an MSE or another error, that count as none.
        times: the column of times that is compared: `time` on one machine, `time_ratio` across machines, or none.
    """

    confidence: float = 0.95
    time_margin: float = 0.10
    error_margin: float = 0.01
    times: Literal["time", "time_ratio", ""] = "time"


@dataclass(frozen=True)
class Change:
    """One quantity of one cell in both runs.

    Attributes:
        cell: task, problem, estimator, device and dtype.
        quantity: a column, or `status` or `claims`.
        before, after: its values, NaN where there is none.
        ratio, low, high: after over before with its interval; NaN where there is none. Of a bias: the difference.
        p_value: of the hypothesis that the change is within the margin, adjusted by Holm over all tests of the
            comparison; NaN where nothing is tested, because the quantity is counted.
        note: what else is to be said, such as why a cell fails.
    """

    cell: Name
    quantity: str
    verdict: Verdict
    before: float = math.nan
    after: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    note: str = ""


def changes(before: Run, after: Run, options: Options, from_draws: FromDraws) -> list[Change]:
    """Every quantity of every cell of two runs that they can be compared by.

    A ratio beyond the margin, with a p-value below 5 % after Holm's correction over all tests together, is *better* or
    *worse*; one whose interval lies within the margin is *same*; any other is *not told apart*. Numbers that are equal
    bit for bit are *identical*. Counted costs are exact: any difference is better or worse, and none is tested.

    Args:
        from_draws: the ratio of the MSEs (after over before) from kept draws, which are paired where seeds agree.
    """
    tables = [_cells(run) for run in (before, after)]
    found = [
        change
        for name in dict.fromkeys([*tables[0], *tables[1]])
        for change in _changes_of_cell(
            name, tables[0].get(name), tables[1].get(name), (before, after), options, from_draws
        )
    ]
    tested = [at for at, change in enumerate(found) if not math.isnan(change.p_value)]
    for at, adjusted in zip(tested, holm([found[at].p_value for at in tested]), strict=True):
        found[at] = _judged(found[at], adjusted, options)
    return found


def number_of_tests(found: list[Change]) -> int:
    """How many tests the correction was over."""
    return sum(not math.isnan(change.p_value) for change in found)


def counts(found: list[Change]) -> dict[str, Counter[str]]:
    """How many changes of each quantity got each verdict."""
    table: dict[str, Counter[str]] = {}
    for change in found:
        table.setdefault(change.quantity, Counter())[change.verdict] += 1
    return table


def _cells(run: Run) -> dict[Name, dict[Any, Any]]:
    """The rows of a run by the name of their cell, each with whether its error is no more than rounding."""
    rows = run.frame.assign(rounds=at_rounding(run.frame)).to_dict("records") if len(run.frame) else []
    found: dict[Name, dict[Any, Any]] = {}
    for row in rows:
        name = tuple(str(row.get(part)) for part in CELL)
        found.setdefault(name, row)
    return found


def _changes_of_cell(
    name: Name,
    old: dict[Any, Any] | None,
    new: dict[Any, Any] | None,
    runs: tuple[Run, Run],
    options: Options,
    from_draws: FromDraws,
) -> Iterator[Change]:
    if old is None or new is None:
        there = old or new or {}
        failure = "" if there["status"] == "ok" else _state(there)
        yield Change(name, "status", "new" if old is None else "gone", note=failure)
        return
    if "ok" not in (old["status"], new["status"]) or old["status"] != new["status"]:
        yield _status(name, old, new)
        return
    yield from _errors(name, old, new, runs, options, from_draws)
    if options.times:
        yield from _time(name, old, new, runs, options)
    yield from _counted(name, old, new)
    yield from _claims(name, old, new)


def _status(name: Name, old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    """Where a cell is not ok in both runs."""
    was, now = old["status"], new["status"]
    if was != "ok" and now == "ok":
        return Change(name, "status", "works again", note=f"was {_state(old)}")
    if was == now:
        return Change(
            name, "status", "identical" if old.get("reason") == new.get("reason") else "same", note=_state(new)
        )
    if now == "unsupported" and was != "ok":
        return Change(name, "status", "same", note=f"was {_state(old)}; now {_state(new)}")
    return Change(name, "status", "now fails", note=_state(new))


def _state(row: Mapping[str, Any]) -> str:
    reason, status = row.get("reason"), str(row["status"]).replace("_", " ")
    return f"{status}: {reason}" if isinstance(reason, str) and reason else status


def _errors(
    name: Name,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    runs: tuple[Run, Run],
    options: Options,
    from_draws: FromDraws,
) -> Iterator[Change]:
    """The MSE, the bias, and what else the problem reads as an error."""
    if _both(old, new, "mse"):
        values = float(old["mse"]), float(new["mse"])
        if all(_same(old, new, column) for column in ("mse", "mse_low", "mse_high", "draws")):
            yield Change(name, "mse", "identical", *values, ratio=1.0)
        elif old["rounds"] or new["rounds"]:
            verdict: Verdict = "same" if old["rounds"] and new["rounds"] else "better" if new["rounds"] else "worse"
            yield Change(name, "mse", verdict, *values, note="" if verdict == "same" else _about_rounding(verdict))
        else:
            found = from_draws(old, new) or _contrast(old, new, "mse", runs, options, options.error_margin)
            yield _tested(name, "mse", values, found)
            yield from _bias(name, old, new, runs, options)
    for column in sorted(str(column) for column in new if str(column).startswith(ERROR_PREFIX)):
        if not column.endswith(("_low", "_high")) and _both(old, new, column):
            values = float(old[column]), float(new[column])
            if _same(old, new, column) and _same(old, new, f"{column}_low"):
                yield Change(name, column, "identical", *values, ratio=1.0)
            else:
                yield _tested(name, column, values, _contrast(old, new, column, runs, options, options.error_margin))


def _about_rounding(verdict: str) -> str:
    return "no more than rounding is left" if verdict == "better" else "was no more than rounding"


def _bias(
    name: Name, old: Mapping[str, Any], new: Mapping[str, Any], runs: tuple[Run, Run], options: Options
) -> Iterator[Change]:
    """The bias, unless it may be 0 in both runs. Differences below the margin times the RMSE count as none."""
    if not _both(old, new, "bias") or not any(_at(row, "bias_low") > 0 for row in (old, new)):
        return
    a, b = (measured(row, "bias", run.confidence) for row, run in zip((new, old), runs[::-1], strict=True))
    margin = options.error_margin * math.sqrt(_at(old, "mse"))
    found = difference(a, b, options.confidence, margin)
    yield Change(name, "bias", "not told apart", b.value, a.value, found.ratio, found.low, found.high, found.p_value)


def _time(
    name: Name, old: Mapping[str, Any], new: Mapping[str, Any], runs: tuple[Run, Run], options: Options
) -> Iterator[Change]:
    column = options.times
    if not _both(old, new, column):
        return
    values = float(old[column]), float(new[column])
    if _same(old, new, column) and _same(old, new, f"{column}_low"):
        yield Change(name, column, "identical", *values, ratio=1.0)
        return
    if column == "time" and old.get("time_host") != new.get("time_host"):
        return
    if column == "time_ratio" and old.get("baseline") != new.get("baseline"):
        return
    yield _tested(name, column, values, _contrast(old, new, column, runs, options, options.time_margin))


def _counted(name: Name, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Costs, operations and bytes: exact."""
    columns = [str(column) for column in new if str(column).startswith("cost_")]
    for column in (*columns, "flops", "peak_bytes"):
        if _both(old, new, column):
            a, b = float(old[column]), float(new[column])
            verdict: Verdict = "identical" if a == b else "better" if b < a else "worse"
            ratio = 1.0 if a == b else b / a if a else math.inf
            yield Change(name, column, verdict, a, b, ratio, ratio, ratio)


def _claims(name: Name, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Claims that are refuted in one run only."""
    refuted = [
        {str(claim["claim"]) for claim in row.get("claims") or () if claim["verdict"] == "refuted"}
        if isinstance(row.get("claims"), list)
        else set()
        for row in (old, new)
    ]
    for claim in sorted(refuted[1] - refuted[0]):
        yield Change(name, "claims", "worse", note=f"now refuted: “{claim}”")
    for claim in sorted(refuted[0] - refuted[1]):
        yield Change(name, "claims", "better", note=f"no longer refuted: “{claim}”")


def _contrast(
    old: Mapping[str, Any], new: Mapping[str, Any], column: str, runs: tuple[Run, Run], options: Options, margin: float
) -> Contrast:
    before, after = (measured(row, column, run.confidence) for row, run in zip((old, new), runs, strict=True))
    return contrast(after, before, options.confidence, margin)


def _tested(name: Name, quantity: str, values: tuple[float, float], found: Contrast) -> Change:
    """A change that waits for its verdict."""
    return Change(name, quantity, "not told apart", *values, found.ratio, found.low, found.high, p_value=found.p_value)


def _judged(change: Change, adjusted: float, options: Options) -> Change:
    if change.quantity == "bias":
        verdict: Verdict = "better" if change.ratio < 0 else "worse"
        return replace(change, p_value=adjusted, verdict=verdict if adjusted < ERROR_RATE else "not told apart")
    margin = 1 + (options.time_margin if change.quantity == options.times else options.error_margin)
    if adjusted < ERROR_RATE:
        verdict = "better" if change.ratio < 1 else "worse"
    else:
        verdict = "same" if 1 / margin <= change.low and change.high <= margin else "not told apart"
    return replace(change, p_value=adjusted, verdict=verdict)


def _both(old: Mapping[str, Any], new: Mapping[str, Any], column: str) -> bool:
    return math.isfinite(_at(old, column)) and math.isfinite(_at(new, column))


def _same(old: Mapping[str, Any], new: Mapping[str, Any], column: str) -> bool:
    a, b = _at(old, column), _at(new, column)
    return a == b or (math.isnan(a) and math.isnan(b))


def _at(row: Mapping[str, Any], column: str) -> float:
    value = row.get(column)
    return math.nan if value is None else float(value)
