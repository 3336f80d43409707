"""Statistical tests of anyone's function, for anyone's tests: right on average, as spread as claimed, of the same law.

    assert_unbiased(draw, truth)          E draw = truth, in every component
    assert_variance(draw, variance)       Cov(draw) has that trace, or those diagonal elements
    assert_error_bar(draw, truth)         estimate ± z · error covers the truth as often as it says
    assert_same_law(a, b)                 both draw from one distribution

`draw` is a function of a `torch.Generator`, of a `numpy.random.Generator`, of an integer seed, or of nothing (the
global generators are then seeded before every draw, and put back at the end). The tests are those that a run makes of
an estimator's claims.

Two looks. A first sample of `draws` draws passes unless its p-value is below 10⁻³. Then four times as many fresh draws
decide alone: they fail if their p-value is below `rate`. So a right function fails with a probability of at most `rate`
wherever the second p-value is right, and by far less wherever both are: no approximation in the first can add to it.

`rate` is the false-failure rate of one call over all seeds; a fixed `seed` makes the outcome repeat. Draws that are all
equal, or all but a handful, refute nothing if the function is random: an event may be too rare to be among them. Nor
do those whose spread rests on one draw, where the claim lies on its side. The test then warns (`Undecided`) with the
reason, or raises it with `strict=True`.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from estibench.contracts.claims import Claim, ErrorBar, Unbiased, Variance
from estibench.errors import UserError
from estibench.measure.claims import ROUNDING, gather_evidence
from estibench.measure.means import summarise, transformed
from estibench.measure.rare import barely_seen, rests_on_one_draw
from estibench.measure.statistics import Moments, covered
from estibench.testing import findings
from estibench.testing.callables import Draws, Given, call, sample, stacked
from estibench.testing.distribution import DIRECTIONS, difference
from estibench.testing.trial import CheckFailedError

RATE = 1e-6
DOUBTFUL = 1e-3  # p-value of the first look below which there is a second
SECOND = 4  # times as many draws
UNLIKELY = 0.05  # p-value below which tails are looked at
SHARE = 0.1  # of one draw in a sum of squares, beyond which the mean on its side is open
TRIED = 5  # components that are tested one by one: those that look worst
CONFIDENCE = 0.95

Draw = Callable[..., Any]
Finding = tuple[str, str, str]  # what was found, what was expected, what to look for


class Undecided(UserWarning):
    """The draws cannot decide: what matters may be too rare to be among them. The message says what."""


@dataclass(frozen=True)
class _Look:
    """What one sample says.

    Attributes:
        p_value: of the claim.
        finding: explains a failure.
        random: whether another sample may differ.
        reason: why the sample cannot decide, where it cannot.
    """

    p_value: float
    finding: Callable[[], Finding]
    random: bool
    reason: str = ""


def assert_unbiased(
    draw: Draw,
    truth: Any,
    *,
    rate: float = RATE,
    draws: int = 400,
    tolerance: float | None = None,
    given: Given | None = None,
    seed: int = 0,
    device: str = "cpu",
    strict: bool = False,
) -> None:
    """E draw = truth, in every component.

    Tested are all components together (Box's F; Student's t for one) and the worst one (Bonferroni), by the larger of
    the p-values with and without Hall's transformation, which removes skewness.

    Power: with 400 draws a bias of half a standard deviation is found with a probability above 99 %, in a scalar or in
    one of up to 10⁶ components; a bias of b standard deviations needs about 100/b² draws.

    Args:
        draw: a function of a generator, of a seed, or of nothing; each call returns one draw.
        truth: of a draw's shape, or one number for all of its components.
        rate: of false failures.
        draws: in the first look.
        tolerance: norm of an error that is allowed; by default 32 roundings of the draws' dtype.
        given: "torch", "numpy", "seed" or "nothing", where neither annotation nor name tells what `draw` asks for.
        seed: of all randomness.
        device: of the torch generator.
        strict: raise what the draws leave undecided.

    Raises:
        AssertionError: a bias, with what was measured and what to look for.
        Undecided: with `strict`, where the draws cannot decide. Else it is a warning.
        UserError: arguments that make no sense.
    """
    __tracebackhide__ = True
    target = stacked([truth], False, "truth")
    _check(target, rate, draws)

    def look(n: int, which: int) -> _Look:
        found = _finite(sample(draw, n, (seed, which), given, device))
        values = found.values
        m = Moments(
            values, _like(target, found)[0], found.used, _rounding(found, target) if tolerance is None else tolerance
        )
        y = m.by_component
        excess = np.copysign(np.maximum(np.abs(y.mean) - m.rounding, 0.0), y.mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            student = np.where(excess == 0, 0.0, excess / y.error)
        score = np.minimum(np.abs(student), np.abs(transformed(dataclasses.replace(y, mean=excess), 0.0)))
        p_value, worst, reason = _tested(m, score, lambda chosen: Unbiased())
        return _Look(p_value, lambda: findings.of_mean(m, found.shape, worst, p_value), found.used, reason)

    _judge(look, draws, rate, strict)


def assert_variance(
    draw: Draw,
    variance: Any,
    *,
    rate: float = RATE,
    draws: int = 1000,
    given: Given | None = None,
    seed: int = 0,
    device: str = "cpu",
    strict: bool = False,
) -> None:
    """Var draw = variance: one number is the sum over the components, tr Cov; a draw's shape is each component's own.

    Tested is the mean squared distance from the mean (with n − 1), and the worst component where there are several.

    Power: with 1000 draws a variance off by a factor of 2 is found with a probability above 99 %, for draws whose
    kurtosis is that of a normal law or less; heavier tails need more, in proportion to kurtosis − 1.

    Args and errors as for `assert_unbiased`.
    """
    __tracebackhide__ = True
    target = stacked([variance], False, "variance")
    _check(target, rate, draws)
    if bool((target.values < 0).any()):
        raise UserError(f"variance: {float(target.values.min()):g}; a variance is not negative")

    def look(n: int, which: int) -> _Look:
        found = _finite(sample(draw, n, (seed, which), given, device))
        values = found.values
        each = _like(target, found)[0] if target.shape or not found.shape else None
        claimed = target.values[0] if each is None else each
        m = Moments(values, values.mean(0), found.used, _rounding(found, target))
        score = np.zeros(m.components)
        if each is not None:
            squares = summarise(m.errors.square() * n / (n - 1))
            with np.errstate(divide="ignore", invalid="ignore"):
                score = np.abs(np.log(squares.mean / each.numpy())) * squares.mean / squares.error
        tests = m.components if each is not None else 1
        p_value, worst, reason = _tested(
            m, score, lambda chosen: _variance(claimed[chosen] if tests > 1 else claimed), tests
        )
        return _Look(p_value, lambda: findings.of_variance(m, claimed, found.shape, worst, p_value), found.used, reason)

    _judge(look, draws, rate, strict)


def assert_error_bar(
    draw: Draw,
    truth: Any,
    *,
    confidence: float = CONFIDENCE,
    freedom: float | None = None,
    rate: float = RATE,
    draws: int = 1000,
    given: Given | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Estimate ± q · error covers the truth at least as often as `confidence` says; `draw` returns (estimate, error).

    q is the quantile of the normal law, or of Student's t with `freedom` degrees of freedom: an error that comes from k
    probes has k − 1. One-sided: covering more often is no failure. It is a test of a proportion, which rare events and
    heavy tails cannot mislead. Of several components, those of one draw may be dependent.

    Power: with 1000 draws of a scalar, twice as many misses as claimed are found with a probability above 99 %.

    Args and errors as for `assert_unbiased`; nothing is ever undecided.
    """
    __tracebackhide__ = True
    target = stacked([truth], False, "truth")
    _check(target, rate, draws)
    if not 0 < confidence < 1:
        raise UserError(f"confidence={confidence:g}; it lies between 0 and 1, such as 0.95")
    q = float(stats.norm.ppf(0.5 + confidence / 2) if freedom is None else stats.t.ppf(0.5 + confidence / 2, freedom))
    as_normal = float(2 * stats.norm.cdf(q) - 1)

    def look(n: int, which: int) -> _Look:
        outputs, used = call(draw, n, (seed, which), given, device)
        for one in outputs:
            if not hasattr(one, "__len__") or len(one) != 2:
                raise UserError(f"draw must return (estimate, error), and returns {type(one).__name__}")
        found = _finite(stacked([one[0] for one in outputs], used, "estimate"))
        errors = _finite(stacked([one[1] for one in outputs], used, "error"), "errors")
        if bool((errors.values < 0).any()):
            raise CheckFailedError(
                "negative standard errors", "standard errors ≥ 0", "a sign, or a difference of squares"
            )
        m = Moments(found.values, _like(target, found)[0], used, _rounding(found, target))
        bars = _like(errors, found)
        inside = covered(m.draws, bars, m.truth, as_normal, m.rounding)
        evidence = _evidence(ErrorBar(lambda *_: confidence), m, inside)
        return _Look(evidence["p_value"], lambda: findings.of_error_bar(m, bars, evidence, confidence), used)

    _judge(look, draws, rate, strict=False)


def assert_same_law(
    a: Draw,
    b: Draw,
    *,
    rate: float = RATE,
    draws: int = 1000,
    given: Given | None = None,
    seed: int = 0,
    device: str = "cpu",
    strict: bool = False,
) -> None:
    """Draws of `a` and of `b`, made independently, are samples of one distribution.

    Tested are every component and three random directions of all of them together, each by three rank tests: of
    location (Mann and Whitney), of scale (the same, of distances from the pooled median) and of the whole law
    (Kolmogorov and Smirnov), with Bonferroni's correction over all of them (Holm's first step). Ranks hold whatever the
    tails. Their p-values are the asymptotic ones: permutations could not reach 10⁻⁶ in less than 10⁶ of them.

    Power: with 1000 draws of each, a shift by half a standard deviation or a scale wrong by a factor of 1.5 in one of
    up to 1000 components of normal draws is found with a probability above 99 %. Laws that differ in their dependence
    alone are found by the directions, best in few components.

    Args and errors as for `assert_unbiased`; `given` holds for both.
    """
    __tracebackhide__ = True
    _check(None, rate, draws)

    def look(n: int, which: int) -> _Look:
        one, other = (
            _finite(sample(draw, n, (seed, which, number), given, device), name)
            for number, (draw, name) in enumerate(((a, "draws of a"), (b, "draws of b")))
        )
        if one.shape != other.shape:
            raise CheckFailedError(f"a draws shape {one.shape}, b {other.shape}", "one shape", "reshape one of them")
        both = torch.cat([one.values, other.values])
        rounding = ROUNDING * max(one.eps, other.eps) * both.abs().amax(0)
        scale = torch.where(both.amax(0) - both.amin(0) > rounding, both.std(0), 1.0).clamp(min=torch.finfo().tiny)
        standard = torch.where(both.amax(0) - both.amin(0) > rounding, (both - both.mean(0)) / scale, 0.0)
        x, y = standard[:n], standard[n:]
        tested = [difference(x[:, j : j + 1], y[:, j : j + 1]) for j in range(x.shape[1])]
        if x.shape[1] > 1:
            random = torch.Generator().manual_seed(0)
            directions = torch.randn(x.shape[1], DIRECTIONS, dtype=torch.float64, generator=random)
            tested.append(difference(x @ directions, y @ directions))
        worst = min(range(len(tested)), key=lambda number: tested[number][0])
        p_value = min(1.0, len(tested) * tested[worst][0])
        used = one.used or other.used
        hidden = used and all(barely_seen(column) for column in standard.T)
        reason = Moments(standard, standard.median(0).values).unseen if hidden else None
        return _Look(
            p_value,
            lambda: findings.of_law(one.values, other.values, one.shape, worst, tested[worst][1], p_value),
            used,
            reason.reason if reason is not None else "",
        )

    _judge(look, draws, rate, strict)


def _judge(look: Callable[[int, int], _Look], draws: int, rate: float, strict: bool) -> None:
    """First look, second look where it is needed, and what comes of them."""
    __tracebackhide__ = True
    last = look(draws, 0)
    doubtful = last.p_value < max(DOUBTFUL, rate)
    if last.random and (doubtful or last.reason):
        last = look(SECOND * draws, 1)
    elif not doubtful:
        return
    if last.p_value < rate:
        found, expected, advice = last.finding()
        raise CheckFailedError(found, f"{expected} (false-failure rate {rate:g})", advice)
    if last.reason:
        undecided = Undecided(f"undecided: {last.reason}")
        if strict:
            raise undecided
        warnings.warn(undecided, stacklevel=3)


def _tested(
    m: Moments, score: np.ndarray, claim: Callable[[Tensor | slice], Claim], tests: int | None = None
) -> tuple[float, int | None, str]:
    """p-value of a claim about all components and about each, the worst component, and why nothing can be said.

    Args:
        score: how bad each component looks, (D,). Only the worst are tested, and all are corrected for.
        claim: about the components that a mask chooses.
        tests: how many components are tested one by one: D, unless it is 1 for none.
    """
    p_value, reason = _test(claim(slice(None)), m)
    tests = m.components if tests is None else tests
    if tests == 1:
        return p_value, None, reason
    order = np.argsort(-np.nan_to_num(score, nan=0.0, posinf=math.inf))
    one_by_one = []
    for j in order[:TRIED].tolist():
        chosen = torch.arange(m.components) == j
        one_by_one.append((*_test(claim(chosen), m.of(chosen)), j))
    least, its_reason, worst = min(one_by_one)
    return min(1.0, 2 * min(p_value, tests * least)), worst, reason or its_reason


def _test(claim: Claim, m: Moments) -> tuple[float, str]:
    """p-value of a claim, and why nothing can be said.

    A sum of squares that rests on one draw is no measure of spread: a sample that lacks its share of such draws lies
    below the truth, and seems precise. Where the claim lies on their side nothing is refuted.
    """
    found = _evidence(claim, m)
    p_value, reason = found["p_value"], found["reason"]
    if not m.random or p_value >= UNLIKELY:
        return p_value, reason
    if isinstance(claim, Variance):
        series, claimed = m.squared_deviations, found["claimed"]
    else:
        series, claimed = m.errors @ (m.mean_error / m.mean_error.norm()), 0.0
    missing = rests_on_one_draw(series, claimed, SHARE)
    return (1.0, missing) if missing else (p_value, reason)


def _variance(claimed: Tensor) -> Variance:
    return Variance(formula=lambda *_: claimed)


def _evidence(claim: Claim, m: Moments, inside: Tensor | None = None) -> dict[str, Any]:
    """What a run would find of this claim."""
    return gather_evidence(SimpleNamespace(claims=(claim,)), None, m, {}, inside, {}, CONFIDENCE)[0]


def _check(target: Draws | None, rate: float, draws: int) -> None:
    if not 0 < rate < 1:
        raise UserError(f"rate={rate:g}; a false-failure rate lies between 0 and 1, such as 1e-6")
    if draws < 32:
        raise UserError(f"draws={draws}; at least 32 are needed to know their spread")
    if target is not None and not bool(torch.isfinite(target.values).all()):
        raise UserError("the claimed numbers are not finite")


def _finite(found: Draws, what: str = "draws") -> Draws:
    """The draws. Raises `CheckFailedError` where some are not finite."""
    bad = int((~torch.isfinite(found.values)).any(1).sum())
    if bad:
        raise CheckFailedError(
            f"{bad} of {len(found.values)} {what} are not finite",
            "finite numbers",
            "a division by 0, a log or a root of what may be 0",
        )
    return found


def _like(numbers: Draws, found: Draws) -> Tensor:
    """Claimed numbers in the draws' shape, (1 or n, D). One number stands for all components."""
    if numbers.shape not in ((), found.shape):
        raise UserError(
            f"draw returns shape {found.shape}, which is compared with shape {numbers.shape}; make them equal"
        )
    return numbers.values.expand(-1, found.values.shape[1])


def _rounding(found: Draws, target: Draws) -> float:
    """Norm of an error that may be rounding: 32 machine epsilons of the draws' size, in their dtype."""
    size = max(float(found.values.square().sum(1).mean().sqrt()), float(target.values.norm()))
    return ROUNDING * max(found.eps, torch.finfo(torch.float64).eps) * size
