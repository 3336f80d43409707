"""The answer in words. Every number in it stands in the table, or follows from one by the law of averages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from estibench.assessment.reach import Candidate, Plan, candidates, cheapest, within
from estibench.exports.contests import seconds, short

USUAL_TARGET = 0.05
By = Literal["time", "work"]


def advice(
    rows: Sequence[dict[str, Any]], exact_words: str, unit: str, target: float | None, budget: float | None, by: By
) -> str:
    """One paragraph: which estimator, how much it gives and costs, and when the exact method is the better choice."""
    some = [one for one in candidates(rows) if not one.refuted]
    if not some:
        return "Nothing could be measured: " + "; ".join(_failures(rows) or ["no estimator was tried"]) + "."
    by = by if any(math.isfinite(one.cost(by)) for one in some) else "work"
    exact = min(
        (one for one in some if one.exact and math.isfinite(one.cost(by))), key=lambda one: one.cost(by), default=None
    )
    if target is not None:
        words = _for_target(some, exact, exact_words, unit, target, by)
    elif budget is not None:
        words = _for_budget(some, exact, exact_words, unit, budget, by)
    else:
        words = _in_general(some, exact, exact_words, unit, by)
    return " ".join([words, *_warnings(rows)])


def _for_target(
    some: Sequence[Candidate], exact: Candidate | None, exact_words: str, unit: str, target: float, by: By
) -> str:
    plans = cheapest(some, target, by)
    goal = percent(target)
    if not plans:
        best = min(some, key=lambda one: one.error)
        return (
            f"No estimator reaches {goal}: {best.label} comes closest with {_an(error_of(best))}, "
            "and averaging is not known to help."
        )
    first = plans[0]
    if first.candidate.exact:
        words = (
            f"{first.candidate.label}: {exact_words} in {spent(first, unit)} costs less than any noisy way to {goal}."
        )
        other = next((plan for plan in plans[1:] if not plan.candidate.exact), None)
        return words + (f" The next, {described(other, unit)}, takes {times(other, first)}." if other else "")
    words = f"{described(first, unit)} reaches {goal}" + (
        "." if first.measured else ", by averaging independent estimates."
    )
    if exact is not None:
        words += (
            f" That is {percent(first.cost / exact.cost(by))} of {exact_words}'s {amount(exact.cost(by), by, unit)}."
        )
    rival = next(
        (plan for plan in plans[1:] if plan.candidate.name != first.candidate.name and not plan.candidate.exact), None
    )
    return words + (f" Next: {described(rival, unit)}, {times(rival, first)}." if rival else "")


def _for_budget(
    some: Sequence[Candidate], exact: Candidate | None, exact_words: str, unit: str, budget: float, by: By
) -> str:
    plans = within(some, budget, by)
    most = amount(budget, by, unit)
    if not plans:
        least = min(some, key=lambda one: one.cost(by))
        return f"Nothing costs so little as {most}: {least.label} takes {amount(least.cost(by), by, unit)}."
    first = plans[0]
    if first.candidate.exact:
        return f"{first.candidate.label}: {most} buy {exact_words}, which takes {spent(first, unit)}."
    words = f"{described(first, unit)}: an error of {number(first.error)} within {most}."
    if exact is not None:
        words += f" {exact_words[0].upper()}{exact_words[1:]} takes {amount(exact.cost(by), by, unit)}."
    return words


def _in_general(some: Sequence[Candidate], exact: Candidate | None, exact_words: str, unit: str, by: By) -> str:
    best = _most_efficient(some, by)
    if best is None:
        first = exact or min(some, key=lambda one: one.error)
        what = exact_words if first.exact else error_of(first)
        cost = spent(Plan(first, 1, first.error, 0.0), unit)
        return f"{first.label}: {what} ({cost}); nothing that is noisy has a cost to compare it by."
    alone = described(Plan(best, 1, best.error, best.cost(by)), unit)
    if exact is not None and exact.cost(by) <= best.cost(by):
        least = amount(exact.cost(by), by, unit)
        return (
            f"{exact.label}: {exact_words} in {least} costs no more than {alone}, which leaves {_an(error_of(best))}."
        )
    if exact is not None and best.relative and best.low >= 1:
        least = amount(exact.cost(by), by, unit)
        left = error_of(best)
        return f"{exact.label}: {exact_words} in {least}. The most efficient noisy way, {alone}, leaves {_an(left)}."
    words = f"{best.label}: {error_of(best)} in {amount(best.cost(by), by, unit)}"
    if exact is not None:
        words += f", {percent(best.cost(by) / exact.cost(by))} of {exact_words}'s {amount(exact.cost(by), by, unit)}"
    words += "."
    plans = cheapest(some, USUAL_TARGET, by) if best.relative else []
    cheap = next((plan for plan in plans if not plan.candidate.exact), None)
    if cheap is None or (cheap.candidate is best and cheap.measured):
        return words + (f" Only {exact_words} reaches {percent(USUAL_TARGET)}." if plans and cheap is None else "")
    words += f" For {percent(USUAL_TARGET)} you need {described(cheap, unit)}"
    if exact is not None:
        share = percent(cheap.cost / exact.cost(by))
        words += f": {exact_words} costs less" if exact.cost(by) <= cheap.cost else f", {share} of {exact_words}'s cost"
    return words + "."


def _most_efficient(some: Sequence[Candidate], by: By) -> Candidate | None:
    """Of what can be averaged, the least error² × cost; else the cheapest within the usual target, or the best."""
    noisy = [one for one in some if not one.exact and math.isfinite(one.cost(by))]
    fair = [one for one in noisy if one.unbiased]
    if fair:
        return min(fair, key=lambda one: one.price(by))
    near = [one for one in noisy if one.relative and one.high <= USUAL_TARGET]
    return min(near, key=lambda one: one.cost(by)) if near else min(noisy, key=lambda one: one.error, default=None)


def _warnings(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    wrong = [one for one in candidates(rows) if one.refuted]
    if wrong:
        yield "Refuted, so left out: " + "; ".join(f"{one.label} ({', '.join(one.refuted)})" for one in wrong) + "."
    failures = _failures(rows)
    if failures:
        more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
        yield "Not measured: " + "; ".join(failures[:3]) + more + "."


def _failures(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{row['estimator']} ({row['reason']})" for row in rows if row["status"] != "ok"]


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
    return f"{cost:,.0f} {unit}" if cost >= 1 else f"{short(cost)} {unit}"


def error_of(one: Candidate) -> str:
    """`relative error 0.61 ± 0.05`."""
    half = (one.high - one.low) / 2
    return f"{'relative error' if one.relative else 'error'} {number(one.error)}" + (
        f" ± {half:.1g}" if math.isfinite(half) and half > 1e-3 * one.error else ""
    )


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
