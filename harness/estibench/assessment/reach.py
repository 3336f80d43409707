"""What each measured estimator can reach, and what that costs: one estimate, and the mean of many.

The mean of N independent estimates of an unbiased estimator has the error RMSE/√N at N times the cost. That law, and no
other, is used beyond what was measured, and only for estimators whose claim to be unbiased this run supports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SCALES = " ~ "  # in the titles of claims about exponents, which say nothing against using one estimate
MOST = 10**9  # estimates beyond which nobody averages
UNSURE = 2.0  # factor by which a time without an interval may be off

Range = tuple[float, float]


@dataclass(frozen=True)
class Candidate:
    """An estimator that was measured.

    Attributes:
        error, low, high: of one estimate: RMSE over the norm of the truth, with its interval; the RMSE itself where
            that norm is 0.
        relative: which of the two.
        time, time_low, time_high: seconds of one estimate, with their interval; half and twice the time where there
            were too few rounds for one.
        work: of one estimate, in the task's unit; NaN where none is counted.
        exact: whether no more than rounding is left.
        unbiased: whether averaging is known to help.
        refuted: titles of its claims that were refuted.
    """

    label: str
    name: str
    error: float
    low: float
    high: float
    relative: bool
    time: float
    time_low: float
    time_high: float
    work: float
    exact: bool
    unbiased: bool
    refuted: tuple[str, ...]

    def cost(self, by: Literal["time", "work"]) -> float:
        """Of one estimate."""
        return self.time if by == "time" else self.work

    def cost_range(self, by: Literal["time", "work"]) -> Range:
        """The interval of the cost; a count has none."""
        return (self.time_low, self.time_high) if by == "time" else (self.work, self.work)

    def price(self, by: Literal["time", "work"]) -> float:
        """Error² × cost: what averaging to a given error costs."""
        return self.error**2 * self.cost(by)

    def price_range(self, by: Literal["time", "work"]) -> Range:
        """Its interval; everything, where the error has none."""
        if not math.isfinite(self.low) or not math.isfinite(self.high):
            return 0.0, math.inf
        low, high = self.cost_range(by)
        return self.low**2 * low, self.high**2 * high


@dataclass(frozen=True)
class Plan:
    """So many independent estimates of a candidate, averaged.

    Attributes:
        error: that this reaches.
        cost, costs: what it takes, with an interval.
        measured: whether it is one estimate, as measured, and not an average by the law above.
    """

    candidate: Candidate
    estimates: int
    error: float
    cost: float
    costs: Range = (-math.inf, math.inf)

    @property
    def measured(self) -> bool:
        return self.estimates == 1


def candidates(rows: Sequence[dict[str, Any]]) -> list[Candidate]:
    """The rows that have an error and a cost, as candidates."""
    found = []
    for row in rows:
        if row["status"] != "ok" or not math.isfinite(_number(row.get("rmse"))):
            continue
        quantity = "relative_rmse" if math.isfinite(_number(row.get("relative_rmse"))) else "rmse"
        value, low, high = (_number(row.get(quantity + side)) for side in ("", "_low", "_high"))
        known = row.get("claims")
        claims = known if isinstance(known, list) else []
        refuted = tuple(
            str(claim["claim"])
            for claim in claims
            if claim["verdict"] == "refuted" and SCALES not in str(claim["claim"])
        )
        fair = any(
            str(claim["claim"]).partition(" ")[0] in ("unbiased", "exact") and claim["verdict"] == "supported"
            for claim in claims
        )
        exact = _number(row["rmse"]) <= _number(row.get("rounding"))
        time, time_low, time_high = (_number(row.get("time" + side)) for side in ("", "_low", "_high"))
        if not (math.isfinite(time_low) and math.isfinite(time_high)):
            time_low, time_high = time / UNSURE, time * UNSURE
        work = _number(row.get("work"))
        label, name = str(row["estimator"]), str(row["estimator_name"])
        relative = quantity == "relative_rmse"
        times = (time, time_low, time_high)
        found.append(Candidate(label, name, value, low, high, relative, *times, work, exact, fair, refuted))
    return found


def cheapest(some: Sequence[Candidate], target: float, by: Literal["time", "work"]) -> list[Plan]:
    """How each candidate reaches an error of `target`, the cheapest first.

    One estimate reaches it where the whole interval of its error lies below; else an average does, of an unbiased one.
    """
    plans = []
    for one in some:
        cost, (low, high) = one.cost(by), one.cost_range(by)
        if one.exact or one.high <= target:
            plans.append(Plan(one, 1, one.error, cost, (low, high)))
        elif one.unbiased:
            number = math.ceil((one.error / target) ** 2)
            fewest, most = ((side / target) ** 2 if math.isfinite(side) else math.nan for side in (one.low, one.high))
            costs = (max(fewest, 1) * low, most * high) if math.isfinite(fewest * most) else (0.0, math.inf)
            if number <= MOST:
                plans.append(Plan(one, number, one.error / math.sqrt(number), number * cost, costs))
    return sorted((plan for plan in plans if math.isfinite(plan.cost)), key=lambda plan: plan.cost)


def within(some: Sequence[Candidate], budget: float, by: Literal["time", "work"]) -> list[Plan]:
    """What each candidate makes of a budget, the smallest error first."""
    plans = []
    for one in some:
        cost = one.cost(by)
        if not cost <= budget:
            continue
        number = 1 if one.exact or not one.unbiased or cost <= 0 else min(int(budget // cost), MOST)
        plans.append(Plan(one, number, one.error / math.sqrt(number), number * cost))
    return sorted(plans, key=lambda plan: (not plan.candidate.exact, plan.error, plan.cost))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
