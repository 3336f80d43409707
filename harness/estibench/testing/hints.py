"""What a wrong number suggests: the mistakes that estimators share, and which of them the draws agree with.

A suggestion is a factor, or another number, that would explain what was measured. Whether it does is for the test that
refuted the claim to say: `fits` is that test for the changed claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from estibench.measure.intervals import Interval

MOST = 3  # suggestions in one message
LARGEST = 10_000  # probes that somebody may have forgotten to average over
PRECISE = 0.5  # an interval narrower than ± this tells an integer from its neighbours
ROUGH = 0.15  # and one narrower than ± this, relatively, says about how many

Fits = Callable[[float], bool]


def of_mean(ratio: Interval, components: int, fits: Fits) -> list[str]:
    """Factors of a mean over its truth.

    Args:
        ratio: of both, as measured.
        components: D, of the estimand.
        fits: whether a factor agrees with the draws.
    """
    return _chosen(_factors_of_mean(ratio, components), fits)


def _factors_of_mean(ratio: Interval, components: int) -> Iterator[tuple[float, str]]:
    yield -1.0, "a wrong sign"
    yield 0.0, "a factor that is 0: something detached, masked or never added"
    yield 2.0, "a factor of 2: a ½ that is missing, or a term that is counted twice"
    yield 0.5, "a factor of ½: a 2 that is missing, or a term that is left out"
    if components > 1:
        yield float(components), f"a sum over the {components} components where their mean is due"
        yield 1 / components, f"a mean over the {components} components where their sum is due"
    k, text = _whole(ratio)
    if k > 2 and k != components:
        yield float(k), f"a sum that is not averaged over {text} probes (points, dimensions)"
        yield float(-k), f"a wrong sign, and a sum that is not averaged over {text} probes"
    k, text = _whole(_inverse(ratio))
    if k > 2 and k != components:
        yield 1 / k, f"an average over {text} probes that is taken twice, or where their sum is due"
    yield math.sqrt(2), "a factor of √2"
    yield math.sqrt(0.5), "a factor of 1/√2"
    yield -2.0, "a wrong sign and a factor of 2"
    yield -0.5, "a wrong sign and a factor of ½"
    yield from _bessel(ratio)


def _bessel(ratio: Interval) -> Iterator[tuple[float, str]]:
    """(k − 1)/k and k/(k − 1), where the interval tells them from their neighbours."""
    half = (ratio.high - ratio.low) / 2
    if ratio.low <= 1 <= ratio.high or not 0.45 < ratio.value < 2.2:
        return
    less = ratio.value < 1
    k = round(1 / (1 - ratio.value) if less else ratio.value / (ratio.value - 1))
    if 2 < k <= LARGEST and half < 1 / (2 * k * (k - 1)):
        if less:
            yield (k - 1) / k, f"a division by k = {k} where k − 1 is due (Bessel's correction)"
        else:
            yield k / (k - 1), f"a division by k − 1 where k = {k} is due (Bessel's correction)"


def of_variance(ratio: Interval, claimed: float, components: int, fits: Fits) -> list[str]:
    """Factors of a variance over the one that is claimed."""
    return _chosen(_factors_of_variance(ratio, claimed, components), fits)


def _factors_of_variance(ratio: Interval, claimed: float, components: int) -> Iterator[tuple[float, str]]:
    yield claimed, "a standard deviation that is taken for a variance: the variance is the claimed number squared"
    if claimed > 0:
        yield 1 / math.sqrt(claimed), "a variance that is squared once more: the variance is the claimed number's root"
    yield 0.0, "draws that do not vary: a generator that is seeded anew in every call, noise that is never used"
    yield 2.0, "a factor of 2: real for complex, Gaussian for Rademacher noise, a cross term that is left out"
    yield 0.5, "a factor of ½: Rademacher for Gaussian noise, a symmetric part counted twice"
    if components > 1:
        yield float(components), f"a variance per component where the sum over {components} components is measured"
        yield 1 / components, f"a sum over the {components} components where the mean of them is measured"
    yield 4.0, "a factor of 2 in each draw"
    yield 0.25, "a factor of ½ in each draw"
    k, text = _whole(ratio.root())
    if k > 2:
        yield float(k * k), f"a sum that is not averaged over {text} probes"
    k, text = _whole(ratio)
    if k > 2 and k != components:
        yield float(k), f"a variance that is not divided by {text} probes, or probes that share their noise"
    k, text = _whole(_inverse(ratio))
    if k > 2 and k != components:
        yield 1 / k, f"a variance of one probe claimed for a mean over {text} probes"
    yield from _bessel(ratio)


def of_error_bar(ratio: Interval, error: float, fits: Fits) -> list[str]:
    """Factors of the true error over the reported one, both root mean squares.

    Args:
        error: the reported one.
    """
    return _chosen(_factors_of_error_bar(ratio, error), fits)


def _factors_of_error_bar(ratio: Interval, error: float) -> Iterator[tuple[float, str]]:
    if error > 0:
        yield 1 / math.sqrt(error), "a variance that is reported as a standard error: take its root"
    k, text = _whole(Interval(ratio.value**2, ratio.low**2, ratio.high**2))
    if k > 1:
        yield (
            math.sqrt(k),
            f"a standard error that is divided by n ({text}) instead of √n (or twice by √n), or probes that share "
            "their noise",
        )
    yield 2.0, "a factor of 2"


def of_law(ratio: Interval, spread: float, fits: Callable[[float, bool], bool]) -> list[str]:
    """What b may be in terms of a.

    Args:
        ratio: standard deviation of b over that of a.
        spread: standard deviation of a.
        fits: whether b is like a factor times a; if asked, up to a shift.
    """
    if fits(1.0, True):
        return ["a shift: both agree once their means are subtracted"]
    candidates = list(_factors_of_law(ratio, spread))
    plain = _chosen(iter(candidates), lambda factor: fits(factor, False))
    return plain or _chosen(iter(candidates), lambda factor: fits(factor, True))


def _factors_of_law(ratio: Interval, spread: float) -> Iterator[tuple[float, str]]:
    yield -1.0, "a wrong sign"
    yield 2.0, "b is twice a: a factor of 2"
    yield 0.5, "b is half of a: a factor of ½"
    yield spread, "a variance that b takes for a standard deviation"
    yield 1 / math.sqrt(spread), "a standard deviation that b takes for a variance"
    yield math.sqrt(2), "b is √2 times a: a variance that is doubled"
    yield math.sqrt(0.5), "b is a/√2: a variance that is halved"
    k, text = _whole(ratio)
    if k > 2:
        yield float(k), f"b is {text} times a: a sum that is not averaged over {text} probes"
    k, text = _whole(_inverse(ratio))
    if k > 2:
        yield 1 / k, f"a is {text} times b: a sum that is not averaged over {text} probes"


def of_numbers(truth: Tensor, shape: tuple[int, ...], fits: Callable[[Tensor], bool]) -> list[str]:
    """Other numbers than a multiple of the truth (D,) that the mean may be: a root, a square, a transpose.

    Args:
        shape: of the estimand.
    """
    found = []
    for words, other in _others(truth, shape):
        if not torch.allclose(other, truth) and fits(other):
            found.append(words)
    return found[:MOST]


def _others(truth: Tensor, shape: tuple[int, ...]) -> Iterator[tuple[str, Tensor]]:
    if bool((truth >= 0).all()):
        yield "a standard deviation where the variance is due: the mean is the truth's root", truth.sqrt()
        yield "a variance where the standard deviation is due: the mean is the truth squared", truth.square()
        if bool((truth > 0).all()):
            yield "a logarithm: the mean is that of the truth", truth.log()
            yield "a reciprocal: the mean is 1 over the truth", 1 / truth
    else:
        yield "an absolute value: the mean is that of the truth", truth.abs()
    if len(shape) >= 2 and shape[-1] == shape[-2]:
        yield "a transposed matrix", truth.reshape(shape).mT.reshape(-1)
    if len(truth) > 1:
        yield "a reversed order of the components", truth.flip(0)


def in_words(found: list[str]) -> str:
    """The suggestions as one question; a fallback where there is none."""
    return " or ".join(found) + "?" if found else "nothing common fits: compare with a slow, plain version of it"


def number(interval: Interval) -> str:
    """`10.0 ± 0.1`: a value with half the width of its interval, to the digits that it tells."""
    half = (interval.high - interval.low) / 2
    if not math.isfinite(half) or half <= 1e-12 * abs(interval.value):
        return f"{interval.value:.6g}"
    digits = -math.floor(math.log10(half))
    if digits > 6 or digits < -5:
        return f"{interval.value:.6g} ± {half:.1g}"
    return f"{round(interval.value, digits):.{max(digits, 0)}f} ± {round(half, digits):.{max(digits, 0)}f}"


def _whole(ratio: Interval) -> tuple[int, str]:
    """The integer that the ratio is nearest to, of either sign, and in words; 0 where the interval says too little."""
    half = (ratio.high - ratio.low) / 2
    if not math.isfinite(half) or half > max(PRECISE, ROUGH * abs(ratio.value)) or abs(ratio.value) > LARGEST:
        return 0, ""
    k = abs(round(ratio.value))
    return k, str(k) if half <= PRECISE else f"about {k}"


def _inverse(ratio: Interval) -> Interval:
    """1/ratio; without bounds where it may be anything."""
    if ratio.low <= 0 <= ratio.high:
        return Interval(math.inf, -math.inf, math.inf)
    return Interval(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)


def _chosen(candidates: Iterator[tuple[float, str]], fits: Fits) -> list[str]:
    found: list[str] = []
    for factor, words in candidates:
        if abs(factor - 1) > 1e-9 and len(found) < MOST and fits(factor):
            found.append(words)
    return found
