"""What a failed assertion says: what was measured, what was expected, and what to look for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from estibench.measure.intervals import Interval
from estibench.measure.means import mean_interval, ratio_of_means
from estibench.measure.statistics import Moments, unbiasedness_p_value, variance_interval, variance_p_value
from estibench.testing import hints
from estibench.testing.distribution import difference

CONFIDENCE = 0.95  # of the intervals in a message
FITS = 1e-3  # p-value above which another claim agrees with the draws
LEAST = 1e-99  # p-value that is quoted
NEARLY_RIGHT = 1.1  # factor of an error that explains no lack of coverage
BIASED = 1e-6  # p-value below which an estimate is called biased

Finding = tuple[str, str, str]


def of_mean(m: Moments, shape: tuple[int, ...], worst: int | None, p_value: float) -> Finding:
    """A mean that is not the truth: as a multiple of it where one explains all components, else the worst component."""
    about, subject = m, "the mean"
    common = _ratio(m)
    if worst is not None and (common is None or not _mean_is(m, common.value * m.truth)):
        found = hints.of_numbers(m.truth, shape, lambda truth: _mean_is(m, truth)) or _offset(m)
        about, subject = _one(m, worst), f"the mean of component {_index(worst, shape)}, the worst,"
        if found:
            return _mean_in_words(about, subject, p_value), _expected(about, "a mean of"), hints.in_words(found)
    ratio = _ratio(about)
    found = []
    if ratio is not None:
        found = hints.of_mean(ratio, m.components, lambda factor: _mean_is(about, factor * about.truth))
    found += hints.of_numbers(about.truth, (), lambda truth: _mean_is(about, truth))
    return _mean_in_words(about, subject, p_value), _expected(about, "a mean of"), hints.in_words(found[: hints.MOST])


def _mean_in_words(m: Moments, subject: str, p_value: float) -> str:
    ratio, text = _ratio(m), ""
    if ratio is not None:
        text = f"{hints.number(ratio)} times the truth"
    if m.components == 1:
        value = f"{hints.number(mean_interval(m.draws[:, 0], CONFIDENCE))} instead of {float(m.truth):.6g}"
        text = f"{text} ({value})" if text else value
    elif not text:
        text = f"off by {float(m.mean_error.norm()):.4g} (norm) where the truth is 0"
    return f"{subject} is {text}, {_evidence(m, p_value)}"


def _offset(m: Moments) -> list[str]:
    """A number that is added to every component."""
    if m.components < 2 or not _mean_is(m, m.truth + m.mean_error.mean()):
        return []
    return [f"an offset of {hints.number(mean_interval(m.errors.mean(1), CONFIDENCE))} in every component"]


def of_variance(m: Moments, claimed: Tensor, shape: tuple[int, ...], worst: int | None, p_value: float) -> Finding:
    """A variance that is not the claimed one, (D,) for each component or one number for their sum.

    The worst component is quoted where the sum explains nothing.
    """
    text, words = _variance_in_words(m, float(claimed.sum()), m.components)
    subject = "the variance" if m.components == 1 else "the sum of the components' variances"
    if worst is not None and not words:
        m, claimed = _one(m, worst), claimed[worst]
        text, words = _variance_in_words(m, float(claimed), len(shape) and math.prod(shape))
        subject = f"the variance of component {_index(worst, shape)}, the worst,"
    return f"{subject} is {text}, {_evidence(m, p_value)}", f"{float(claimed.sum()):.6g}", hints.in_words(words)


def _variance_in_words(m: Moments, claimed: float, components: int) -> tuple[str, list[str]]:
    """What tr Cov is, and what factors may explain it."""
    found = variance_interval(m, CONFIDENCE)
    if math.isnan(found.low):  # barely seen: no interval can be given
        found = Interval(found.value, found.value, found.value)
    text = f"{hints.number(found)} instead of {claimed:.6g}"
    if claimed == 0:
        return text, []
    ratio = found.scaled(1 / claimed)
    words = hints.of_variance(ratio, claimed, components, lambda factor: _variance_is(m, factor * claimed))
    return f"{hints.number(ratio)} times the claimed one ({text})", words


def of_error_bar(m: Moments, bars: Tensor, evidence: dict[str, Any], confidence: float) -> Finding:
    """Error bars that miss too often, with the true error as a multiple of the reported one.

    Args:
        bars: standard errors, (n, D).
    """
    inside = Interval(*(100 * evidence[name] for name in ("measured", "low", "high")))
    text = f"the error bars cover the truth in {hints.number(inside)} % of the cases"
    words: list[str] = []
    error = math.sqrt(float(bars.square().mean()))
    if unbiasedness_p_value(m, m.rounding) < BIASED:
        words.append("an estimate that is biased (assert_unbiased says how)")
    if error > 0:
        ratio = ratio_of_means(m.errors.square().mean(1), bars.square().mean(1), CONFIDENCE)[0].root()
        text += f"; the true error is {hints.number(ratio)} times the reported one (root mean squares)"
        near = (ratio.high - ratio.low) / 2 + 0.02 * ratio.value
        if not words:
            words = hints.of_error_bar(ratio, error, lambda factor: abs(factor - ratio.value) <= near)
        if not words and ratio.value < NEARLY_RIGHT:
            words.append(
                "errors that are right on average and not draw by draw: few probes (freedom=probes - 1), or skewed "
                "noise, with which estimate and error go together"
            )
    else:
        words.append("errors that are all 0: a spread over one probe, or over probes that share their noise")
    return f"{text}, {_evidence(m, evidence['p_value'])}", f"{100 * confidence:g} % or more", hints.in_words(words)


def of_law(a: Tensor, b: Tensor, shape: tuple[int, ...], worst: int, what: str, p_value: float) -> Finding:
    """Two laws that differ.

    Args:
        a, b: draws, (n, D).
        worst: component that differs most; D for a direction across all of them.
        what: its location, scale or shape.
    """
    evidence = f"{_probability(p_value)} over {len(a)} draws of each"
    if worst == a.shape[1]:
        found = f"the components agree better one by one than together: in a random direction their {what} differs"
        return f"{found}, {evidence}", "one law", "components that share noise in one and not in the other?"
    x, y = a[:, worst], b[:, worst]
    name = "the draws" if a.shape[1] == 1 else f"component {_index(worst, shape)}"
    means = [hints.number(mean_interval(one, CONFIDENCE)) for one in (x, y)]
    spreads = [float(one.std()) for one in (x, y)]
    found = (
        f"the {what} of {name} differs: mean {means[0]} for a and {means[1]} for b, "
        f"standard deviation {spreads[0]:.4g} and {spreads[1]:.4g}"
    )
    words = []
    if bool((x != x[0]).any()) and bool((y != y[0]).any()):
        ratio = ratio_of_means((y - y.mean()).square(), (x - x.mean()).square(), CONFIDENCE)[0].root()
        words = hints.of_law(ratio, spreads[0], lambda factor, shifted: _law_is(x, y, factor, shifted))
    return f"{found}, {evidence}", "one law", hints.in_words(words)


def _ratio(m: Moments) -> Interval | None:
    """The mean over the truth: ⟨g, t⟩/‖t‖² averaged; None where the truth is 0."""
    square = float(m.truth.square().sum())
    return mean_interval(m.draws @ (m.truth / square), CONFIDENCE) if square > 0 else None


def _mean_is(m: Moments, truth: Tensor) -> bool:
    return unbiasedness_p_value(Moments(m.draws, truth, m.random, m.rounding), m.rounding) > FITS


def _variance_is(m: Moments, claimed: float) -> bool:
    if min(claimed, m.trace) <= m.rounding**2:
        return max(claimed, m.trace) <= m.rounding**2
    return variance_p_value(m, claimed) > FITS


def _law_is(x: Tensor, y: Tensor, factor: float, shifted: bool) -> bool:
    """Whether y is like `factor` times x; up to a shift, if `shifted`."""
    if shifted:
        x, y = x - x.mean(), y - y.mean()
    return difference(factor * x[:, None], y[:, None])[0] > FITS


def _one(m: Moments, component: int) -> Moments:
    return m.of(torch.arange(m.components) == component)


def _index(component: int, shape: tuple[int, ...]) -> str:
    place = [int(i) for i in np.unravel_index(component, shape)]
    return str(place[0]) if len(place) == 1 else str(tuple(place))


def _expected(m: Moments, what: str) -> str:
    return f"{what} {float(m.truth):.6g}" if m.components == 1 else "the truth in every component"


def _evidence(m: Moments, p_value: float) -> str:
    return f"{_probability(p_value)} over {m.n} draws" if m.random else "and nothing about it is random"


def _probability(p_value: float) -> str:
    return f"p = {p_value:.1g}" if p_value > LEAST else f"p < {LEAST:g}"
