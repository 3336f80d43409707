"""Which estimator makes the better model, at equal steps and at equal time: contests between curves of training."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from estibench.analysis.cells import is_deterministic

if TYPE_CHECKING:
    import pandas as pd

By = Literal["steps", "time"]
Row = Mapping[Hashable, Any]
STEP = "step"


@dataclass(frozen=True)
class Standing:
    """A model of one estimator: mean excess over runs, with its confidence interval, infinite where none is known."""

    row: Row
    excess: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Race:
    """All models of one problem, device and dtype.

    Attributes:
        place: problem, device, dtype.
        at: so many steps, or seconds: those that the quickest run takes for all its steps.
        standings: from the least excess on.
        level: confidence of the intervals.
        left_out: of `among_random`, the best one that is not random.
        looks: how many races are looked at as one, for the correction.
    """

    place: tuple[str, str, str]
    by: By
    at: float
    standings: tuple[Standing, ...]
    level: float
    left_out: Standing | None = None
    looks: int = 1

    @property
    def exact(self) -> Standing | None:
        """The best of those whose runs all end alike, for nothing about them is random."""
        return next((one for one in self.standings if one.low == one.high), None)

    @property
    def among_random(self) -> Race:
        """The race without these, where at least two are left."""
        rest = tuple(one for one in self.standings if one.low < one.high)
        return self if len(rest) < 2 else replace(self, standings=rest, left_out=self.exact)

    @property
    def winner(self) -> Standing:
        return self.standings[0]

    def plain(self) -> dict[str, Any]:
        """As plain data: the place, what is equal, and every estimator with its interval and whether it may be best."""
        names = ("problem", "device", "dtype")
        standings = [
            {
                "estimator": one.row["estimator"],
                "excess": one.excess,
                "low": one.low if math.isfinite(one.low) else None,
                "high": one.high if math.isfinite(one.high) else None,
                "best": one is self.winner or one in self.open,
            }
            for one in self.standings
        ]
        return {**dict(zip(names, self.place, strict=True)), "by": self.by, "at": self.at, "standings": standings}

    @property
    def open(self) -> tuple[Standing, ...]:
        """Those that are not told apart from the winner: Welch's test by the intervals, Bonferroni over all rivals."""
        rivals = self.standings[1:]
        alpha, normal = 1 - self.level, NormalDist()
        wider = normal.inv_cdf(1 - alpha / (2 * max(len(rivals) * self.looks, 1))) / normal.inv_cdf(1 - alpha / 2)
        best = self.winner
        return tuple(
            one for one in rivals if not one.excess - best.excess > wider * math.hypot(one.half_width, best.half_width)
        )


@dataclass(frozen=True)
class Course:
    """How the winner of a race has come to the front.

    Attributes:
        ahead: the first checkpoint from which on the winner is ahead of all beyond doubt; None where it is not.
        led: who was ahead of the winner beyond doubt at an earlier one, the last time that anybody was.
        until: that checkpoint.
    """

    ahead: float | None
    led: Row | None = None
    until: float = 0.0


def course(race: Race) -> Course:
    """Of a race, by what is seen at the checkpoints of the quickest, with a correction for as many looks."""
    rows, by = [one.row for one in race.standings], race.by
    quickest = min(rows, key=_seconds)
    whole = quickest["curve"]["x"][-1]
    places = [race.at * x / whole for x in quickest["curve"]["x"] if x > 0]
    looks = [replace(race, at=at, standings=_standings(rows, at, by), looks=len(places)) for at in places]
    leads = [look.winner.row is race.winner.row and not look.open for look in looks]
    since = max((k + 1 for k, ahead in enumerate(leads) if not ahead), default=0)
    behind = [look for look in looks if race.winner.row not in [one.row for one in (look.winner, *look.open)]]
    found = Course(looks[since].at if since < len(looks) else None)
    return replace(found, led=behind[-1].winner.row, until=behind[-1].at) if behind else found


def of_training(cells: pd.DataFrame) -> bool:
    """Whether estimates are training runs: curves over steps."""
    return "curve" in cells and any(_is_run(curve) for curve in cells["curve"])


def races(cells: pd.DataFrame, by: By, level: float) -> Iterator[Race]:
    """A race for every problem, device and dtype of ok cells with at least one run, and by time with a clock."""
    for place, some in cells.groupby(["problem", "device", "dtype"], sort=False):
        rows = [row for row in some.to_dict("records") if _is_run(row["curve"])]
        if by == "time":
            rows = [row for row in rows if _seconds(row) > 0]
        if not rows:
            continue
        at = min(map(_seconds, rows)) if by == "time" else float(rows[0]["curve"]["x"][-1])
        yield Race(tuple(map(str, place)), by, at, _standings(rows, at, by), level)  # type: ignore[arg-type]


def _standings(rows: Sequence[Row], at: float, by: By) -> tuple[Standing, ...]:
    return tuple(sorted((_standing(row, at, by) for row in rows), key=lambda one: one.excess))


def _is_run(curve: Any) -> bool:
    return isinstance(curve, Mapping) and curve["axis"] == STEP


def _seconds(row: Row) -> float:
    seconds = row.get("time")
    return float(seconds) if seconds is not None and math.isfinite(seconds) else 0.0


def _standing(row: Row, at: float, by: By) -> Standing:
    """At so many steps or seconds, straight between two checkpoints."""
    steps = row["curve"]["x"]
    here = at if by == "steps" else steps[-1] * at / _seconds(row)
    after = next((k for k, step in enumerate(steps) if step >= here), len(steps) - 1)
    before = max(after - 1, 0)
    share = 1.0 if after == before else (here - steps[before]) / (steps[after] - steps[before])
    ends = [_at_checkpoint(row, k) for k in ((after,) if share == 1 else (before, after))]
    mean, low, high = (
        sum(w * one for w, one in zip((1 - share, share)[-len(ends) :], some, strict=True))
        for some in zip(*ends, strict=True)
    )
    return Standing(row, mean, low, high)


def _at_checkpoint(row: Row, k: int) -> tuple[float, float, float]:
    """Mean and bounds, infinite where none are known; but all runs start alike, and without randomness end alike."""
    curve = row["curve"]
    mean, low, high = (curve[name][k] for name in ("error", "low", "high"))
    if low is not None and high is not None:
        return mean, low, high
    return (mean, mean, mean) if curve["x"][k] == 0 or is_deterministic(row) else (mean, -math.inf, math.inf)
