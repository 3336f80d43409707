"""Tests each claim of an estimator on its draws and counts. Verdicts follow later, corrected over the whole run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from estibench.contracts import claims as declared
from estibench.measure.intervals import effective_trials, proportion_interval
from estibench.measure.means import mean_interval, mean_p_value
from estibench.measure.statistics import (
    Moments,
    bias_interval,
    unbiasedness_p_value,
    variance_interval,
    variance_p_value,
)

ROUNDING = 32.0
DOUBTFUL = 0.01  # p-value below which a claim is tested again
BIAS_THAT_MATTERS = 0.5  # of the RMSE
FACTOR_THAT_MATTERS = 2.0  # of a variance
READING_THAT_MATTERS = 0.5  # of a draw's standard deviation
READING_ROUNDING = 1e-5  # of the mean of a reading, which may be computed in single precision; and an eps of 1
FEWEST_EQUAL = 32  # equal draws of an estimator that does not say that it is deterministic
MISSES_THAT_MATTER = 2.0  # of an error bar, over those that are claimed


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


def rounding_tolerance(problem: Any) -> float:
    """How far an exact method may be off: 32 machine epsilons of the problem's magnitude."""
    return ROUNDING * torch.finfo(problem.torch_dtype).eps * float(problem.magnitude)


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
    tolerance = rounding_tolerance(problem)
    judged = _can_be_judged(estimator, problem, m)
    for claim in estimator.claims:
        if not claim.applies(problem, estimator):
            continue
        match claim:
            case declared.Unbiased():
                found.append(_judged(_unbiased(claim.title, m, tolerance, confidence), judged))
            case declared.Bias():
                bias = _biased(claim.title, m, claim.formula(problem, estimator), tolerance, confidence)
                found.append(_judged(bias, judged))
            case declared.Exact():
                worst = float(m.errors.norm(dim=1).max())
                found.append(_certain(claim.title, worst, 0.0, worst <= tolerance))
            case declared.Deterministic():
                spread = float((m.draws - m.draws[0]).abs().max())
                found.append(_certain(claim.title, spread, 0.0, spread == 0))
            case declared.Reads():
                values, claimed_mean = readings.get(claim.name), claim.formula(problem, estimator)
                eps = torch.finfo(problem.torch_dtype).eps
                found.append(_reading(claim.title, values, claimed_mean, eps, confidence))
            case declared.Variance():
                found.append(_variance(claim.title, m, claim.formula(problem, estimator), tolerance, confidence))
            case declared.Cost():
                spent, claimed = counts.get(claim.unit, 0), claim.formula(problem, estimator)
                found.append(_certain(claim.title, spent, claimed, spent == claimed))
            case declared.ErrorBar() if covered is not None:
                claimed_coverage = claim.formula(problem, estimator) if claim.formula else confidence
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


def _can_be_judged(estimator: Any, problem: Any, m: Moments) -> bool:
    """Whether draws that are all equal mean that all are: few draws of a random estimator may be so by chance."""
    constant = (declared.Exact, declared.Deterministic)
    says_so = any(isinstance(claim, constant) and claim.applies(problem, estimator) for claim in estimator.claims)
    return m.trace > 0 or m.n >= FEWEST_EQUAL or says_so


def _judged(evidence: Evidence | None, judged: bool) -> Evidence | None:
    """The evidence, or the same without any power."""
    if judged or evidence is None:
        return evidence
    return replace(evidence, p_value=1.0, noncentrality=0.0, denominator=1.0)


def _unbiased(title: str, m: Moments, tolerance: float, confidence: float) -> Evidence:
    bias = bias_interval(m, confidence)
    return Evidence(
        title,
        unbiasedness_p_value(m, tolerance),
        *(bias.value, bias.low, bias.high),
        claimed=0.0,
        effect=f"a bias of {BIAS_THAT_MATTERS:g} RMSE",
        **_power_against_bias(m, tolerance),
    )


def _biased(
    title: str, m: Moments, formula: Tensor | float | None, tolerance: float, confidence: float
) -> Evidence | None:
    if formula is None:
        return None
    bias = torch.as_tensor(formula, dtype=torch.float64, device="cpu").reshape(-1).expand(m.components)
    measured, claimed = bias_interval(m, confidence), float(bias.norm())
    if not math.isfinite(claimed):
        return _certain(title, measured.value, claimed, False)
    return Evidence(
        title,
        unbiasedness_p_value(Moments(m.draws, m.truth + bias), tolerance),
        *(measured.value, measured.low, measured.high),
        claimed,
        effect=f"a bias that is off by {BIAS_THAT_MATTERS:g} RMSE",
        **_power_against_bias(m, tolerance),
    )


def _power_against_bias(m: Moments, tolerance: float) -> dict[str, Any]:
    """Box's F with h and h(n − 1) degrees of freedom has noncentrality h n ‖b‖²/tr Σ. Rounding does not matter."""
    matters = BIAS_THAT_MATTERS**2 * float(m.squared_errors.mean())
    if m.trace <= 0 or matters <= tolerance**2:
        return {"draws": m.n}
    h = m.trace**2 / m.trace_squared
    freedom = {"numerator": h, "denominator": h * (m.n - 1)}
    return {"draws": m.n, "noncentrality": h * m.n * matters / m.trace, **freedom}


def _variance(
    title: str, m: Moments, formula: Tensor | float | None, tolerance: float, confidence: float
) -> Evidence | None:
    if formula is None:
        return None
    claimed = float(torch.as_tensor(formula, dtype=torch.float64).sum())
    found = variance_interval(m, confidence)
    if not math.isfinite(claimed) or claimed < 0:
        return _certain(title, found.value, claimed, False)
    if min(claimed, found.value) <= tolerance**2:  # rounding noise on one side: nothing to compare but size
        return _certain(title, found.value, claimed, max(found.value, claimed) <= tolerance**2)
    error = math.sqrt(float(m.squared_deviations.var()) / m.n + m.variance_of_centring) / found.value
    return Evidence(
        title,
        variance_p_value(m, claimed),
        *(found.value, found.low, found.high),
        claimed,
        effect=f"a variance off by a factor of {FACTOR_THAT_MATTERS:g}",
        draws=m.n,
        noncentrality=(math.log(FACTOR_THAT_MATTERS) / error) ** 2 if error > 0 else math.inf,
        denominator=m.n - 1,
    )


def _reading(
    title: str, values: Tensor | None, claimed: float | None, eps: float, confidence: float
) -> Evidence | None:
    """The mean of a reading, as the bias of a scalar. One that the problem does not give is claimed in vain.

    Args:
        eps: of the problem's dtype. A reading is a number of order 1 and more; so much of it is rounding.
    """
    if claimed is None:
        return None
    if values is None:
        return _certain(title, math.nan, claimed, False)
    found = mean_interval(values, confidence)
    if not (math.isfinite(claimed) and math.isfinite(found.value)):
        return _certain(title, found.value, claimed, False)
    rounding = READING_ROUNDING * abs(claimed) + eps
    return Evidence(
        title,
        mean_p_value(values, claimed, rounding),
        *(found.value, found.low, found.high),
        claimed,
        effect=f"a mean off by {READING_THAT_MATTERS:g} standard deviations of one draw",
        draws=len(values),
        noncentrality=len(values) * READING_THAT_MATTERS**2 if float(values.var()) > 0 else math.inf,
        denominator=len(values) - 1,
    )


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
        float(stats.binom.cdf(round(found.value * trials), round(trials), claimed)),
        *(found.value, found.low, found.high),
        claimed,
        effect=f"{MISSES_THAT_MATTER:g} times as many misses",
        draws=len(covered),
        noncentrality=trials * (claimed - worse) ** 2 / (worse * (1 - worse)) if 0 < worse < claimed else math.inf,
    )


def _certain(title: str, measured: float, claimed: float, holds: bool) -> Evidence:
    return Evidence(title, float(holds), measured, measured, measured, claimed)
