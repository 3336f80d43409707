"""The answer in words. Every number in it stands in the table, or follows from one by the law of averages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from estibench.assessment.reach import Candidate, Plan, candidates, cheapest, within
from estibench.exports.contests import seconds, short

USUAL_TARGET = 0.05
SPARED = 2.0  # a noisy estimate must cost less than the exact one's by this factor to be worth its noise
MOST_NAMED = 3
By = Literal["time", "work"]


@dataclass(frozen=True)
class Told:
    """What the words need besides the numbers.

    Attributes:
        exact: how the exact method is called: "the exact trace".
        unit: what work counts, in the plural: "matvecs".
        subject: what the user calls their function: "field".
    """

    exact: str
    unit: str
    subject: str = "function"


def advice(rows: Sequence[dict[str, Any]], told: Told, target: float | None, budget: float | None, by: By) -> str:
    """One paragraph: which estimator, how much it gives and costs, and when the exact method is the better choice."""
    some = [one for one in candidates(rows) if not one.refuted]
    if not some:
        nothing = "Nothing can be recommended." if candidates(rows) else "Nothing could be measured."
        if any(row["status"] == "timeout" for row in rows):
            nothing += " Give more seconds: the same call goes on from what is there."
        return " ".join([nothing, *_warnings(rows, told)])
    by = by if any(math.isfinite(one.cost(by)) for one in some) else "work"
    exact = min(
        (one for one in some if one.exact and math.isfinite(one.cost(by))), key=lambda one: one.cost(by), default=None
    )
    if target is not None:
        words = _for_target(some, exact, told, target, by)
    elif budget is not None:
        words = _for_budget(some, exact, told, budget, by)
    else:
        words = _in_general(some, exact, told, by)
    return " ".join([words, *_warnings(rows, told)])


def _for_target(some: Sequence[Candidate], exact: Candidate | None, told: Told, target: float, by: By) -> str:
    plans, unit = cheapest(some, target, by), told.unit
    goal = percent(target)
    question = f" An error of {goal} is larger than the truth itself: did you mean {target / 100:g}?"
    question = question if target > 1 and some[0].relative else ""
    if not plans:
        best = min(some, key=lambda one: one.error)
        return (
            f"No estimator reaches {goal}: {best.label} comes closest with {_an(error_of(best))}, "
            f"and averaging is not known to help.{question}"
        )
    first = plans[0]
    noisy = [plan for plan in plans[1:] if not plan.candidate.exact]
    if first.candidate.exact:
        less = "costs less than any noisy way to" if all(_apart(first, plan) for plan in noisy) else "is the way to"
        less = less if noisy else "is the only sure way to"
        words = f"{first.candidate.label}: {told.exact} in {spent(first, unit)} {less} {goal}."
        planned = {plan.candidate.label for plan in plans}
        unsure = [one for one in some if one.label not in planned and one.error <= target < one.high]
        words += "".join(
            f" {one.label} may reach it too, in {amount(one.cost(by), by, unit)}: {error_of(one)}."
            for one in sorted(unsure, key=lambda one: one.cost(by))[:1]
        )
        words += f" The next, {described(noisy[0], unit)}, takes {times(noisy[0], first)}." if noisy else ""
        return words + _not_apart(first, noisy) + question
    words = f"{described(first, unit)} reaches {goal}" + (
        "." if first.measured else ", by averaging independent estimates."
    )
    if exact is not None:
        words += f" That is {_share(first.cost, exact, told, by)}."
    rival = next((plan for plan in noisy if plan.candidate.name != first.candidate.name), None)
    words += f" Next: {described(rival, unit)}, {times(rival, first)}." if rival else ""
    return words + _not_apart(first, plans[1:]) + question


def _apart(first: Plan, other: Plan) -> bool:
    """Whether the intervals of two costs leave no doubt that the first one's is less."""
    return first.costs[1] < other.costs[0]


def _not_apart(first: Plan, others: Sequence[Plan]) -> str:
    return _same([plan.candidate.label for plan in others if not _apart(first, plan)], "cost")


def _same(labels: Sequence[str], what: str) -> str:
    """` Not told apart from it in cost: a, b, c and 2 more.`"""
    more = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    return f" Not told apart from it in {what}: {', '.join(labels[:MOST_NAMED])}{more}." if labels else ""


def _for_budget(some: Sequence[Candidate], exact: Candidate | None, told: Told, budget: float, by: By) -> str:
    plans, unit = within(some, budget, by), told.unit
    most = amount(budget, by, unit)
    if not plans:
        least = min(some, key=lambda one: one.cost(by))
        return f"Nothing costs so little as {most}: {least.label} takes {amount(least.cost(by), by, unit)}."
    first = plans[0]
    if first.candidate.exact:
        return f"{first.candidate.label}: {most} buy {told.exact}, which takes {spent(first, unit)}."
    words = f"{described(first, unit)}: an error of {number(first.error)} within {most}."
    if exact is not None:
        words += f" {told.exact[0].upper()}{told.exact[1:]} takes {amount(exact.cost(by), by, unit)}."
    return words + _same([plan.candidate.label for plan in plans[1:] if _as_accurate(first, plan)], "error")


def _as_accurate(first: Plan, other: Plan) -> bool:
    """Whether the intervals of two errors overlap, or one has none."""
    sides = [(one.candidate.low, one.candidate.high, math.sqrt(one.estimates)) for one in (first, other)]
    (_, high, root), (low, _, other_root) = sides
    return not high / root < low / other_root


def _in_general(some: Sequence[Candidate], exact: Candidate | None, told: Told, by: By) -> str:
    best, unit = _most_efficient(some, by), told.unit
    if best is None:
        return _without_noise(some, exact, told, by)
    alone = described(Plan(best, 1, best.error, best.cost(by)), unit)
    if exact is not None and exact.cost_range(by)[0] <= SPARED * best.cost_range(by)[1]:
        least = amount(exact.cost(by), by, unit)
        more = "costs no more than" if exact.cost(by) <= best.cost(by) else "costs hardly more than"
        return f"{exact.label}: {told.exact} in {least} {more} {alone}, which leaves {_an(error_of(best))}."
    if exact is not None and best.relative and _sure_of(best) >= 1:
        least = amount(exact.cost(by), by, unit)
        left = error_of(best)
        return f"{exact.label}: {told.exact} in {least}. The most efficient noisy way, {alone}, leaves {_an(left)}."
    words = f"{best.label}: {error_of(best)} in {amount(best.cost(by), by, unit)}"
    if exact is not None:
        words += f", {_share(best.cost(by), exact, told, by)}"
    words += "."
    plans = cheapest(some, USUAL_TARGET, by) if best.relative else []
    cheap = next((plan for plan in plans if not plan.candidate.exact), None)
    if cheap is None:
        words += f" Only {told.exact} reaches {percent(USUAL_TARGET)}." if plans else ""
    elif not (cheap.candidate is best and cheap.measured):
        words += f" For {percent(USUAL_TARGET)} you need {described(cheap, unit)}"
        if exact is not None:
            share, dear = percent(cheap.cost / exact.cost(by)), exact.cost(by) <= cheap.cost
            words += f": {told.exact} costs less" if dear else f", {share} of {_whose(told.exact)} cost"
        words += "."
    words += _same(_as_efficient(best, some, by), "efficiency" if best.unbiased else "error")
    return words + _closer(best, some, by, unit)


def _sure_of(one: Candidate) -> float:
    """The error that it has at least, as far as is known."""
    return one.low if math.isfinite(one.low) else one.error


def _share(cost: float, exact: Candidate, told: Told, by: By) -> str:
    """`1.2 % of the exact trace's 1 s`."""
    whole = exact.cost(by)
    return f"{percent(cost / whole)} of {_whose(told.exact)} {amount(whole, by, told.unit)}"


def _whose(words: str) -> str:
    """`the exact trace's`, `the sum over all states'`."""
    return f"{words}'" if words.endswith("s") else f"{words}'s"


def _closer(best: Candidate, some: Sequence[Candidate], by: By, unit: str) -> str:
    """What is beyond doubt closer for one estimate, though averages of it are not known to be."""
    others = [one for one in some if not one.unbiased and not one.exact and math.isfinite(one.cost(by))]
    first = min((one for one in others if one.high < _sure_of(best)), key=lambda one: one.error, default=None)
    if first is None or not best.unbiased:
        return ""
    one = described(Plan(first, 1, first.error, first.cost(by)), unit)
    return f" Closer for one estimate, but not known to be unbiased: {one}, {error_of(first)}."


def _without_noise(some: Sequence[Candidate], exact: Candidate | None, told: Told, by: By) -> str:
    """Where every estimator that has a cost is exact, or none has one."""
    first = exact or min(some, key=lambda one: one.error)
    one = Plan(first, 1, first.error, first.cost(by), first.cost_range(by))
    words = (
        f"{first.label}: {told.exact if first.exact else error_of(first)} in {spent(one, told.unit) or 'unknown time'}."
    )
    if exact is None:
        return words
    plans = [Plan(other, 1, other.error, other.cost(by), other.cost_range(by)) for other in some if other is not first]
    others = sorted((plan for plan in plans if math.isfinite(plan.cost)), key=lambda plan: plan.cost)
    words += f" The next, {described(others[0], told.unit)}, takes {times(others[0], one)}." if others else ""
    return words + _not_apart(one, others)


def _as_efficient(best: Candidate, some: Sequence[Candidate], by: By) -> list[str]:
    """Whose error² × cost may be as small, by the intervals, where both can be averaged; else whose error may be."""
    others = [one for one in some if one is not best and not one.exact and math.isfinite(one.cost(by))]
    if best.unbiased:
        most = best.price_range(by)[1]
        return [one.label for one in others if one.unbiased and not most < one.price_range(by)[0]]
    return [one.label for one in others if not best.high < one.low]


def _most_efficient(some: Sequence[Candidate], by: By) -> Candidate | None:
    """Of what can be averaged, the least error² × cost; else the cheapest within the usual target, or the best."""
    noisy = [one for one in some if not one.exact and math.isfinite(one.cost(by))]
    fair = [one for one in noisy if one.unbiased]
    if fair:
        return min(fair, key=lambda one: one.price(by))
    near = [one for one in noisy if one.relative and one.high <= USUAL_TARGET]
    return min(near, key=lambda one: one.cost(by)) if near else min(noisy, key=lambda one: one.error, default=None)


def _warnings(rows: Sequence[dict[str, Any]], told: Told) -> Iterator[str]:
    wrong = [one for one in candidates(rows) if one.refuted]
    inexact = [one for one in wrong if any(title.startswith("exact") for title in one.refuted)]
    if inexact:
        errors = ", ".join(f"{one.label}: {error_of(one)}" for one in inexact)
        yield f"Your {told.subject} gives other values in float64 than in its own precision ({errors})."
    others = [one for one in wrong if one not in inexact]
    if others:
        yield "Refuted, so left out: " + "; ".join(f"{one.label} ({', '.join(one.refuted)})" for one in others) + "."
    failures: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] != "ok":
            failures.setdefault(str(row["reason"]), []).append(str(row["estimator"]))
    if failures:
        named = [f"{_several(labels)} ({reason})" for reason, labels in failures.items()]
        more = f"; and {len(named) - MOST_NAMED} more reasons" if len(named) > MOST_NAMED else ""
        yield "Not measured: " + "; ".join(named[:MOST_NAMED]) + more + "."


def _several(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 2} more" if len(labels) > 2 else ""
    return ", ".join(labels[:2]) + more


def described(plan: Plan, unit: str) -> str:
    """`hutchinson(probes=16) averaged 150 times (2,400 matvecs, 1.8 s)`."""
    one = plan.candidate
    words = one.label if plan.measured else f"{one.label} averaged {plan.estimates:,} times"
    return f"{words} ({spent(plan, unit)})"


def spent(plan: Plan, unit: str) -> str:
    """Its whole cost, in both currencies where both are known."""
    one, parts = plan.candidate, []
    if math.isfinite(one.work):
        parts.append(amount(plan.estimates * one.work, "work", unit))
    if math.isfinite(one.time):
        parts.append(seconds(plan.estimates * one.time))
    return ", ".join(parts)


def amount(cost: float, by: By, unit: str) -> str:
    """A cost with its unit."""
    if by == "time":
        return seconds(cost)
    if cost == 1:
        return f"1 {unit.removesuffix('s')}"
    return f"{cost:,.0f} {unit}" if cost >= 1 else f"{short(cost)} {unit}"


def error_of(one: Candidate) -> str:
    """`relative error 0.61 ± 0.05`."""
    half, words = (one.high - one.low) / 2, f"{'relative error' if one.relative else 'error'} {number(one.error)}"
    if not math.isfinite(half):
        return f"{words} (too few draws for an interval)"
    return words + (f" ± {half:.1g}" if half > 1e-3 * one.error else "")


def _an(words: str) -> str:
    return f"an {words}" if words.startswith("error") else f"a {words}"


def number(value: float) -> str:
    """Two significant digits."""
    return f"{value:.2g}"


def percent(share: float) -> str:
    """`1.2 %`; a share above ten as a multiple."""
    return f"{share:,.0f} ×" if share > 10 else f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.2g} %"


def times(plan: Plan, first: Plan) -> str:
    """How much more one plan costs than the first."""
    ratio = plan.cost / first.cost if first.cost > 0 else math.inf
    return (
        "more" if math.isinf(ratio) else f"{ratio:,.0f} times as much" if ratio >= 10 else f"{ratio:.2g} times as much"
    )
