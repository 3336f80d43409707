"""Tests each claim of an estimator on its draws and counts. Verdicts follow later, corrected over the whole run.

A test uses what the draws have shown. Components that were barely seen (see `rare`) refute nothing by themselves: a
claim about them is left without power and with the reason in words, unless a claimed variance bounds what they hide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from scipy import special
from torch import Tensor

from estibench.contracts import claims as declared
from estibench.measure.intervals import Interval, effective_trials, proportion_interval
from estibench.measure.means import mean_interval
from estibench.measure.rare import POWER, Unseen, barely_seen, rests_on_one_draw, too_few, too_many
from estibench.measure.statistics import (
    Moments,
    bias_interval,
    unbiasedness_p_value,
    variance_interval,
    variance_p_value,
)
from estibench.measure.uncertain_truth import doubted, power_in_doubt, widened_bias

ROUNDING = 32.0
DOUBTFUL = 0.05  # p-value below which a claim is tested again: what refutes it in a run of one claim
BIAS_THAT_MATTERS = 0.5  # of the RMSE
FACTOR_THAT_MATTERS = 2.0  # of a variance
SHARE_OF_ONE = 0.3  # of one draw in how squares vary, beyond which their mean is open on its side
READING_THAT_MATTERS = BIAS_THAT_MATTERS  # of a draw's standard deviation
READING_ROUNDING = 1e-5  # of the mean of a reading, which may be computed in single precision; and an eps of 1
ERRORS_THAT_MATTER = 0.02  # of the estimates of a random estimator that is claimed to be exact
MISSES_THAT_MATTER = 2.0  # of an error bar, over those that are claimed
LOOKS = (1, 4)  # samples of this many times `max_draws` that a claim must fail on before it is refuted
LEAST_P_VALUE = 1e-300  # of a test of something random: 0 is for certainties, which are not tested again

Bound = Callable[[], float | None]


@dataclass(frozen=True)
class Evidence:
    """What a claim's test found.

    Attributes:
        claim: its title.
        p_value: probability of evidence this strong against the claim if it holds; 0 or 1 where nothing is random.
        measured, low, high: the tested quantity with its CI.
        claimed: the value that the claim says.
        effect: the violation that matters, in words: a claim that stands is supported only where the test had the power
            to find that much.
        draws: how many draws the test rests on; 0 where it rests on counts.
        noncentrality, numerator, denominator: under such a violation the statistic is about F(numerator, denominator)
            with this noncentrality; ∞ where the test cannot miss it.
        reason: why the draws cannot decide, where they cannot: what is too rare to have been seen.
    """

    claim: str
    p_value: float
    measured: float
    low: float
    high: float
    claimed: float
    effect: str = ""
    draws: int = 0
    noncentrality: float = math.inf
    numerator: float = 1.0
    denominator: float = math.inf
    reason: str = ""


def rounding_tolerance(problem: Any) -> float:
    """How far an exact method may be off: 32 machine epsilons of the problem's magnitude."""
    return ROUNDING * float(problem.eps) * float(problem.magnitude)


def gather_evidence(
    estimator: Any,
    problem: Any,
    m: Moments,
    counts: dict[str, int],
    covered: Tensor | None,
    readings: Mapping[str, Tensor],
    confidence: float,
) -> list[dict[str, Any]]:
    """One `Evidence` for each claim that applies, as plain data; claims about scaling need a whole run.

    Args:
        covered: fraction of each draw's components that its error bar covers, (n,), where there is an error bar.
        readings: what the problem reads off each draw, by name, (n,).
    """
    found: list[Evidence | None] = []
    variance = partial(claimed_variance, estimator, problem)
    for claim in estimator.claims:
        if not claim.applies(problem, estimator):
            continue
        match claim:
            case declared.Unbiased():
                found.append(_biased(claim.title, m, None, variance, confidence))
            case declared.Bias():
                formula = claim.asked(claim.formula, problem, estimator)
                if formula is not None:
                    found.append(_biased(claim.title, m, formula, variance, confidence))
            case declared.Exact():
                worst = float(m.errors.norm(dim=1).max())
                found.append(_exact(claim.title, m, worst, worst <= doubted(m).rounding))
            case declared.Deterministic():
                spread = float((m.draws - m.draws[0]).abs().max())
                found.append(_constant(claim.title, m, spread, spread == 0))
            case declared.Reads():
                values, claimed_mean = readings.get(claim.name), claim.asked(claim.formula, problem, estimator)
                eps = float(problem.eps)
                found.append(_reading(claim.title, values, claimed_mean, eps, m.random, confidence))
            case declared.Variance():
                found.append(_variance(claim.title, m, claim.asked(claim.formula, problem, estimator), confidence))
            case declared.Cost():
                spent, claimed = counts.get(claim.unit, 0), claim.asked(claim.formula, problem, estimator)
                evidence = _certain(claim.title, spent, claimed, spent == claimed)
                if claim.unit not in counts and claimed:
                    known = ", ".join(sorted(counts)) or "nothing"
                    evidence = replace(evidence, reason=f"no {claim.unit!r} was counted, but {known}")
                found.append(evidence)
            case declared.ErrorBar() if covered is not None:
                claimed_coverage = claim.asked(claim.formula, problem, estimator) if claim.formula else confidence
                found.append(_error_bar(claim.title, covered, m.components, claimed_coverage, confidence))
    return [asdict(evidence) for evidence in found if evidence is not None]


def is_doubtful(evidence: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some claim must be tested again, on draws of its own."""
    return any(0 < claim["p_value"] < DOUBTFUL for claim in evidence)


def confirmed(first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The evidence after a second test on fresh draws, which counts for doubtful claims.

    Their p-value is the larger of both. It is valid whatever the first one's accuracy: at the levels that Holm's
    correction asks for, the approximations behind a p-value are rough where draws are few and skewed.
    """
    again = {claim["claim"]: claim for claim in second}
    counted = []
    for once in first:
        other = again.get(once["claim"], once) if is_doubtful([once]) else once
        counted.append(other | {"p_value": max(once["p_value"], other["p_value"])})
    return counted


def scaling_claims(estimator: Any, problem: Any) -> list[dict[str, Any]]:
    """The claims about scaling that apply, as plain data for whoever sees the whole run."""
    return [
        {"claim": claim.title, "y": claim.y, "x": claim.x, "exponent": claim.exponent, "tolerance": claim.tolerance}
        for claim in estimator.claims
        if isinstance(claim, declared.ScalesAs) and claim.applies(problem, estimator)
    ]


def claimed_variance(estimator: Any, problem: Any) -> float | None:
    """The least total variance that the estimator claims for its problem; None without a finite one."""
    formulas = (
        claim.asked(claim.formula, problem, estimator)
        for claim in estimator.claims
        if isinstance(claim, declared.Variance) and claim.applies(problem, estimator)
    )
    totals = [_total(formula) for formula in formulas if formula is not None]
    return min((total for total in totals if math.isfinite(total) and total >= 0), default=None)


def _total(formula: Tensor | float) -> float:
    return float(torch.as_tensor(formula, dtype=torch.float64).sum())


def _biased(title: str, m: Moments, formula: Tensor | float | None, variance: Bound, confidence: float) -> Evidence:
    """E g − t = formula; None is the claim that there is no bias.

    Args:
        variance: gives the total variance that the estimator claims, if any: it bounds what can hide.
    """
    measured = widened_bias(bias_interval(m, confidence), m.truth_error, confidence)
    claimed, about, off = 0.0, doubted(m), ""
    if formula is not None:
        bias = torch.as_tensor(formula, dtype=torch.float64, device="cpu").reshape(-1).expand(m.components)
        claimed, off = float(bias.norm()), " that is off by"
        if not math.isfinite(claimed):
            return _certain(title, measured.value, claimed, False)
        about = about.against(m.truth + bias)
    effect = f"a bias{off} {BIAS_THAT_MATTERS:g} RMSE" if off else f"a bias of {BIAS_THAT_MATTERS:g} RMSE"
    mse = float(m.squared_errors.mean())
    p_value, power = _test_of_mean(about, mse, variance)
    power = power_in_doubt(power, m, BIAS_THAT_MATTERS * math.sqrt(mse))
    return Evidence(title, p_value, *_numbers(measured), claimed, effect, **power)


def _test_of_mean(m: Moments, mse: float, variance: Bound) -> tuple[float, dict[str, Any]]:
    """p-value of E g = t, and the power of its test, for the components that were seen.

    Where the others could hold a bias that matters, or make up for one that the bulk shows, the test has no power. With
    a claimed variance they may still refute: too few hits to move the mean as far. The smaller p-value counts, times 2.
    """
    seen, left = m.seen(), m.unseen
    found = [unbiasedness_p_value(seen, m.rounding)] if seen is not None else []
    power = _power_against_bias(seen, mse) if seen is not None else {"draws": m.n}
    if left is not None and left.bias_may_hide:
        power = _powerless(left)
        most = variance()
        if most is not None:
            found.append(too_few(m.n, left.number, left.shift(), most))
    return _random(min((len(found) * p_value for p_value in found), default=1.0), m.random), power


def _power_against_bias(m: Moments, mse: float) -> dict[str, Any]:
    """Box's F with h and h(n − 1) degrees of freedom has noncentrality h n ‖b‖²/tr Σ. Rounding does not matter."""
    matters = BIAS_THAT_MATTERS**2 * mse
    if m.trace**2 <= 0 or matters <= m.rounding**2:
        return {"draws": m.n}
    h = m.trace**2 / m.trace_squared
    freedom = {"numerator": h, "denominator": h * (m.n - 1)}
    return {"draws": m.n, "noncentrality": h * m.n * matters / m.trace, **freedom}


def _powerless(left: Unseen) -> dict[str, Any]:
    """Of a test that cannot decide, whatever the draws say: its power is its level."""
    return {"draws": left.draws, "noncentrality": 0.0, "reason": left.reason}


def _random(p_value: float, random: bool) -> float:
    """A p-value of something random, which is never quite 0."""
    return min(max(p_value, LEAST_P_VALUE), 1.0) if random else p_value


def _variance(title: str, m: Moments, formula: Tensor | float | None, confidence: float) -> Evidence | None:
    if formula is None:
        return None
    claimed, tolerance = _total(formula), m.rounding
    measured = variance_interval(m, confidence)
    found = measured.value
    if not math.isfinite(claimed) or claimed < 0:
        return _certain(title, found, claimed, False)
    effect = f"a variance off by a factor of {FACTOR_THAT_MATTERS:g}"
    if m.unseen is not None and max(found, claimed) > tolerance**2:
        p_value, power = _test_of_thin_variance(m, m.unseen, torch.as_tensor(formula, dtype=torch.float64).reshape(-1))
        return Evidence(title, p_value, *_numbers(measured), claimed, effect, **power)
    if min(claimed, found) <= tolerance**2:
        return Evidence(title, _p_value_of_variance(m, claimed), *_numbers(measured), claimed)
    p_value = _random(variance_p_value(m, claimed), m.random)
    power = _power_against_factor(m)
    if m.random and p_value < DOUBTFUL and (why := rests_on_one_draw(m.squared_deviations, claimed, SHARE_OF_ONE)):
        p_value, power = 1.0, power | {"noncentrality": 0.0, "reason": why}
    return Evidence(title, p_value, *_numbers(measured), claimed, effect, **power)


def _test_of_thin_variance(m: Moments, left: Unseen, claimed: Tensor) -> tuple[float, dict[str, Any]]:
    """p-value of tr Cov(g) = Σ claimed where some components B were barely seen, and the power of its test.

    What B hides can only add to what was seen. So a sample below the claim refutes nothing, except by its other
    components S where the claim names their share. (Not above that share: S are those that happened to have hits.) One
    above the claim counts: by the usual test of everything, where the hits of all components together are many, else of
    S; and by how far away the few are.
    """
    seen, total = m.seen(), float(claimed.sum())
    named = claimed.numel() == m.components > 1
    judged = seen if barely_seen(m.squared_deviations.sqrt()) else m
    found = [too_many(m.n, left.distances, float(claimed[left.barely].sum()) if named else total)]
    if judged is not None and judged.trace > total:
        found.append(_p_value_of_variance(judged, total))
    if named and seen is not None and seen.trace < (share := float(claimed[~left.barely].sum())):
        found.append(_p_value_of_variance(seen, share))
    stands = m.trace >= total or _p_value_of_variance(m, total) >= DOUBTFUL
    power = _power_against_factor(judged) if judged is not None and stands else _powerless(left)
    return _random(min(len(found) * one for one in found), m.random), power


def _p_value_of_variance(m: Moments, claimed: float) -> float:
    """p-value of tr Cov(g) = claimed. Where one of the two is rounding noise, there is nothing to compare but size."""
    if min(claimed, m.trace) <= m.rounding**2:
        return float(max(claimed, m.trace) <= m.rounding**2)
    return variance_p_value(m, claimed)


def _power_against_factor(m: Moments) -> dict[str, Any]:
    error = math.sqrt(float(m.squared_deviations.var()) / m.n + m.variance_of_centring) / m.trace
    noncentrality = (math.log(FACTOR_THAT_MATTERS) / error) ** 2 if error > 0 else math.inf
    return {"draws": m.n, "noncentrality": noncentrality, "denominator": m.n - 1}


def _reading(
    title: str, values: Tensor | None, claimed: float | None, eps: float, random: bool, confidence: float
) -> Evidence | None:
    """The mean of a reading, as the bias of a scalar. One that the problem does not give is claimed in vain.

    Args:
        eps: of the problem's dtype. A reading is a number of order 1 and more; so much of it is rounding.
        random: whether the estimator is.
    """
    if claimed is None:
        return None
    if values is None:
        return _certain(title, math.nan, claimed, False)
    found = mean_interval(values, confidence)
    if not (math.isfinite(claimed) and math.isfinite(found.value)):
        return _certain(title, found.value, claimed, False)
    rounding = READING_ROUNDING * abs(claimed) + eps
    m = Moments(values[:, None], torch.tensor([claimed], dtype=torch.float64), random, rounding)
    p_value, power = _test_of_mean(m, m.trace, lambda: None)
    effect = f"a mean off by {READING_THAT_MATTERS:g} standard deviations of one draw"
    return Evidence(title, p_value, *_numbers(m.honest(found)), claimed, effect, **power)


def _error_bar(
    title: str, covered: Tensor, components: int, claimed: float | None, confidence: float
) -> Evidence | None:
    """One-sided: covering more often than claimed is no violation."""
    if claimed is None:
        return None
    trials = effective_trials(covered, components)
    found = proportion_interval(float(covered.mean()), trials, confidence)
    worse = 1 - MISSES_THAT_MATTER * (1 - claimed)
    return Evidence(
        title,
        float(special.bdtr(round(found.value * trials), round(trials), claimed)),
        *(found.value, found.low, found.high),
        claimed,
        effect=f"{MISSES_THAT_MATTER:g} times as many misses",
        draws=len(covered),
        noncentrality=trials * (claimed - worse) ** 2 / (worse * (1 - worse)) if 0 < worse < claimed else math.inf,
    )


def _exact(title: str, m: Moments, worst: float, holds: bool) -> Evidence:
    """A claim of every draw. A random estimator that is always right is believed once so many draws were right that an
    error in `ERRORS_THAT_MATTER` of them would have been seen, with the power of any test.
    """
    evidence = _certain(title, worst, 0.0, holds)
    if not (holds and m.random):
        return evidence
    enough = math.ceil(math.log(1 - POWER) / math.log(1 - ERRORS_THAT_MATTER))
    effect = f"an error in {100 * ERRORS_THAT_MATTER:g} % of the estimates"
    if m.n >= enough:
        return replace(evidence, effect=effect, draws=m.n)
    reason = f"{m.n} draws were right; it takes {enough} to see {effect}"
    return replace(evidence, effect=effect, draws=m.n, noncentrality=0.0, reason=reason)


def _constant(title: str, m: Moments, measured: float, holds: bool) -> Evidence:
    """A claim of every draw. One that was broken is refuted; equal draws of a random estimator may be so by chance."""
    evidence = _certain(title, measured, 0.0, holds)
    return replace(evidence, **_powerless(m.unseen)) if holds and m.unseen is not None else evidence


def _numbers(found: Interval) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def _certain(title: str, measured: float, claimed: float, holds: bool) -> Evidence:
    return Evidence(title, float(holds), measured, measured, measured, claimed)
