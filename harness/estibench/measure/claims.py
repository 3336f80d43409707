"""Tests each claim of an estimator on its draws and counts. Verdicts follow later, corrected over the whole run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from estibench.contracts import claims as declared
from estibench.measure.statistics import Moments, bias_interval, unbiasedness_p_value, variance_interval

ROUNDING = 32.0


@dataclass(frozen=True)
class Evidence:
    """What a claim's test found.

    Attributes:
        claim: its title.
        p_value: probability of evidence this strong against the claim if it holds; 0 or 1 where nothing is random.
        measured, low, high: the tested quantity with its CI.
        claimed: the value that the claim says.
        decisive: whether the data would have shown a violation that matters: a bias of half the RMSE, or a
            variance off by a quarter. A claim that is not rejected without such power is undecided.
    """

    claim: str
    p_value: float
    measured: float
    low: float
    high: float
    claimed: float
    decisive: bool


def rounding_tolerance(problem: Any) -> float:
    """How far an exact method may be off: 32 machine epsilons of the problem's magnitude."""
    return ROUNDING * torch.finfo(problem.torch_dtype).eps * float(problem.magnitude)


def gather_evidence(
    estimator: Any, problem: Any, draws: Tensor, m: Moments, counts: dict[str, int], confidence: float
) -> list[dict[str, Any]]:
    """One `Evidence` for each claim that applies, as plain data."""
    found: list[Evidence] = []
    tolerance = rounding_tolerance(problem)
    for claim in estimator.claims:
        if not claim.applies(problem, estimator):
            continue
        match claim:
            case declared.Unbiased():
                found.append(_unbiased(claim, m, tolerance, confidence))
            case declared.Exact():
                worst = float((draws - m.truth).norm(dim=1).max())
                found.append(_certain(claim.title, worst, 0.0, worst <= tolerance))
            case declared.Variance():
                formula = claim.formula(problem, estimator)
                if formula is not None:
                    claimed = float(torch.as_tensor(formula, dtype=torch.float64).sum())
                    found.append(_variance(claim, m, claimed, tolerance, confidence))
            case declared.Cost():
                spent, claimed = counts.get(claim.unit, 0), claim.formula(problem, estimator)
                found.append(_certain(claim.title, spent, claimed, spent == claimed))
    return [asdict(evidence) for evidence in found]


def _unbiased(claim: declared.Claim, m: Moments, tolerance: float, confidence: float) -> Evidence:
    bias = bias_interval(m, confidence)
    rmse = math.sqrt(float(m.squared_errors.mean()))
    decisive = bias.high <= 0.5 * rmse + tolerance
    return Evidence(claim.title, unbiasedness_p_value(m, tolerance), bias.value, bias.low, bias.high, 0.0, decisive)


def _variance(claim: declared.Claim, m: Moments, claimed: float, tolerance: float, confidence: float) -> Evidence:
    found = variance_interval(m, confidence)
    if not math.isfinite(claimed) or claimed < 0:
        return _certain(claim.title, found.value, claimed, False)
    if min(claimed, found.value) <= tolerance**2:  # rounding noise on one side: nothing to compare but size
        holds = found.value <= tolerance**2 and claimed <= tolerance**2
        return _certain(claim.title, found.value, claimed, holds)
    error = float(m.squared_deviations.std()) / math.sqrt(m.n) / found.value
    distance = abs(math.log(found.value / claimed))
    p_value = float(2 * stats.t.sf(distance / error, m.n - 1)) if error > 0 else float(distance < 1e-6)
    decisive = found.high <= 1.25 * max(found.value, claimed) and found.low >= 0.75 * min(found.value, claimed)
    return Evidence(claim.title, p_value, found.value, found.low, found.high, claimed, decisive)


def _certain(title: str, measured: float, claimed: float, holds: bool) -> Evidence:
    return Evidence(title, float(holds), measured, measured, measured, claimed, True)
