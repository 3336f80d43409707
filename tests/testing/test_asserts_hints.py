"""Wrong functions fail, and the message says what was measured and what to look for.

Each is wrong by many standard errors; right ones pass with a false-failure rate of 10⁻⁶. Seeds are fixed.
"""

import math

import numpy as np
import pytest
import torch

from estibench.measure.intervals import Interval
from estibench.testing import assert_error_bar, assert_same_law, assert_unbiased, assert_variance
from estibench.testing.hints import number

A = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.3
TRUTH = np.array([1.0, -2.0, 3.0])
SQUARE = np.arange(9.0).reshape(3, 3)


def probes(rng, count=10):
    z = rng.choice([-1.0, 1.0], size=(count, 4))
    return ((z @ A) * z).sum(1)


def noisy(value):
    return lambda rng: rng.normal(value, 0.5)


MEANS = {
    "not averaged": (
        lambda rng: probes(rng).sum(),
        A.trace(),
        r"mean is 10\.0\d? ± 0\.\d+ times the truth",
        "over 10 probes",
    ),
    "averaged twice": (lambda rng: probes(rng).mean() / 10, A.trace(), r"0\.100", "over 10 probes that is taken twice"),
    "sign": (noisy(-TRUTH), TRUTH, r"-1\.0\d* ± 0\.0\d+ times the truth", "a wrong sign?"),
    "sign of one": (noisy(TRUTH * [1, 1, -1]), TRUTH, r"component 2, the worst, is -1\.0", "a wrong sign?"),
    "twice": (noisy(2 * TRUTH), TRUTH, r"mean is (1\.99|2\.0)\d* ± 0\.0\d+ times the truth", "a factor of 2: "),
    "half": (noisy(TRUTH / 2), TRUTH, r"mean is 0\.(49|50)\d* ± 0\.0\d+ times the truth", "a factor of ½: "),
    "sum over components": (noisy(3 * TRUTH), TRUTH, r"mean is (2\.99|3\.0)", "a sum over the 3 components"),
    "mean over components": (noisy(TRUTH / 3), TRUTH, r"0\.33", "a mean over the 3 components"),
    "bessel": (
        lambda rng: rng.normal(size=(90, 5)).var(1).mean(),
        1.0,
        r"mean is 0\.(79|80)",
        "a division by k = 5 where k − 1 is due",
    ),
    "std": (
        lambda rng: rng.normal(3, 0.1),
        9.0,
        r"\(3\.00\d ± 0\.00\d instead of 9\)",
        "a standard deviation where the var",
    ),
    "variance": (noisy(9.0), 3.0, r"instead of 3\)", "a variance where the standard deviation is due"),
    "transposed": (noisy(SQUARE.T), SQUARE, r"component \(\d, \d\), the worst", "a transposed matrix?"),
    "offset": (noisy(TRUTH + 1), TRUTH, "component", r"an offset of 1.00 ± 0.01 in every component"),
    "of zero": (noisy(0.3), 0.0, r"mean is 0\.3\d* ± 0\.0\d instead of 0", "nothing common fits"),
    "dropped": (noisy([0.0, 0.0, 0.0]), TRUTH, "0.0", "a factor that is 0"),
    "not random": (lambda rng: 2.0, 1.0, "2 times the truth .* nothing about it is random", "a factor of 2: "),
    "not finite": (
        lambda rng: math.inf if rng.random() < 0.1 else 1.0,
        1.0,
        r"\d+ of 400 draws are not finite",
        "a division by",
    ),
}


@pytest.mark.parametrize("case", MEANS)
def test_a_mean_that_is_wrong(case):
    draw, truth, measured, hint = MEANS[case]
    with pytest.raises(AssertionError, match=measured) as caught:
        assert_unbiased(draw, truth)
    assert hint in str(caught.value)


VARIANCES = {
    "std for variance": (
        lambda rng: rng.normal(5, 3),
        3.0,
        r"3\.\d+ ± 0\.\d+ times the claimed one",
        "a standard deviation",
    ),
    "squared again": (lambda rng: rng.normal(5, 3), 81.0, r"0\.11", "squared once more"),
    "not averaged": (
        lambda rng: rng.normal(size=5).sum(),
        0.2,
        r"2\d ± \d times",
        "a sum that is not averaged over 5 probes",
    ),
    "of one probe": (
        lambda rng: rng.normal(size=5).mean(),
        1.0,
        r"variance is 0\.(19|20)",
        "a variance of one probe claimed for a mean over 5",
    ),
    "shared noise": (lambda rng: (rng.normal() * np.ones(5)).mean(), 0.2, r"5\.\d", "probes that share their noise"),
    "twice": (lambda rng: rng.normal(0, 2, size=2), 16.0, r"0\.5", "a factor of ½"),
    "per component": (
        lambda rng: rng.normal(size=3),
        1.0,
        "the sum of the components' variances",
        "sum over 3 components",
    ),
    "one component": (
        lambda rng: rng.normal(0, [2.0, 3.0, 6.0]),
        [4.0, 9.0, 9.0],
        r"component 2, the worst, is [34]\.\d",
        "a factor of 2 in each",
    ),
    "seeded anew": (lambda rng: 1.0, 1.0, "0 times the claimed one", "draws that do not vary"),
}


@pytest.mark.parametrize("case", VARIANCES)
def test_a_variance_that_is_wrong(case):
    draw, claimed, measured, hint = VARIANCES[case]
    with pytest.raises(AssertionError, match=measured) as caught:
        assert_variance(draw, claimed)
    assert hint in str(caught.value)


def test_a_variance_of_nothing():
    assert_variance(lambda rng: 1.0, 0.0)
    with pytest.raises(AssertionError, match=r"the variance is 4\.\d ± 0\.\d instead of 0"):
        assert_variance(lambda rng: rng.normal(0, 2), 0.0)


def test_one_rewired_component_of_many_is_found():
    variances = np.ones(50)
    variances[[7, 8]] = [0.5, 1.5]  # the sum is right
    with pytest.raises(AssertionError, match=r"component 7, the worst, is (1\.9|2\.)\d* ± 0\.\d+ times"):
        assert_variance(lambda rng: rng.normal(size=50), variances)
    with pytest.raises(AssertionError, match=r"component 7, the worst"):
        assert_unbiased(lambda rng: rng.normal(size=50) + 0.6 * (np.arange(50) == 7), np.zeros(50))


def bar(divide, count=9):
    def draw(rng):
        x = rng.normal(1.0, 2.0, size=count)
        return x.mean(), divide(x.std(ddof=1), count)

    return draw


def skewed(rng):
    x = rng.exponential(size=9)
    return x.mean(), x.std(ddof=1) / 3


BARS = {
    "skewed": (skewed, r"cover the truth in (89|90|91)", "errors that are right on average and not draw by draw"),
    "divided twice": (
        bar(lambda s, k: s / k),
        r"cover the truth in 5\d ± \d % .* 3\.\d+ ± 0\.\d+ times the reported",
        "(9)",
    ),
    "a variance": (bar(lambda s, k: s**2 / k / 9), r"times the reported", "a variance that is reported|by n"),
    "zero": (bar(lambda s, k: 0.0), "cover the truth in 0", "errors that are all 0"),
    "biased": (lambda rng: (rng.normal(5, 1), 1.0), "cover the truth in", "an estimate that is biased"),
}


@pytest.mark.parametrize("case", BARS)
def test_an_error_bar_that_is_wrong(case):
    draw, measured, hint = BARS[case]
    with pytest.raises(AssertionError, match=measured) as caught:
        assert_error_bar(draw, 1.0, freedom=8)
    assert any(part in str(caught.value) for part in hint.split("|"))


def test_error_bars_that_are_right_or_too_wide_pass():
    right = bar(lambda s, k: s / math.sqrt(k))
    assert_error_bar(right, 1.0, freedom=8)
    assert_error_bar(bar(lambda s, k: s), 1.0)
    assert_error_bar(lambda rng: (rng.standard_cauchy(), math.tan(0.95 * math.pi / 2) / 1.96), 0.0)
    with pytest.raises(AssertionError, match="negative standard errors"):
        assert_error_bar(lambda rng: (0.0, -1.0), 0.0)
    with pytest.raises(AssertionError, match=r"cover the truth in 8\d"):  # nine probes are not a normal law's worth
        assert_error_bar(bar(lambda s, k: s / math.sqrt(k), count=4), 1.0)


LAWS = {
    "shift": (lambda rng: rng.normal(1), r"the location of the draws differs: mean 0\.0\d* ± 0\.0\d for a", "a shift"),
    "sign": (lambda rng: -rng.exponential() + 1, "differs", "a wrong sign"),
    "twice": (lambda rng: 2 * rng.normal(), "the scale of the draws differs", "b is twice a: a factor of 2"),
    "sum": (
        lambda rng: 6 * rng.normal(),
        "standard deviation",
        "b is 6 times a: a sum that is not averaged over 6 probes",
    ),
    "shape": (lambda rng: rng.choice([-1.0, 1.0]), "of the draws differs", "nothing common fits"),
}


@pytest.mark.parametrize("case", LAWS)
def test_laws_that_differ(case):
    b, measured, hint = LAWS[case]
    a = (lambda rng: rng.exponential() - 1) if case == "sign" else (lambda rng: rng.normal())
    with pytest.raises(AssertionError, match=measured) as caught:
        assert_same_law(a, b, draws=400)
    assert hint in str(caught.value)


def test_a_variance_that_is_taken_for_a_standard_deviation():
    with pytest.raises(AssertionError, match="a variance that b takes for a standard deviation"):
        assert_same_law(lambda rng: rng.normal(0, 3), lambda g: 9 * torch.randn((), generator=g))


def test_dependence_alone_is_found():
    with pytest.raises(AssertionError, match="components agree better one by one than together"):
        assert_same_law(lambda rng: rng.normal(size=2), lambda rng: rng.normal() * np.ones(2), draws=400)
    with pytest.raises(AssertionError, match=r"a draws shape \(2,\), b \(3,\)"):
        assert_same_law(lambda rng: rng.normal(size=2), lambda rng: rng.normal(size=3))


def test_tiny_and_huge_numbers_are_told_apart():
    assert_same_law(
        lambda rng: 1e-30 * rng.normal(), lambda g: 1e-30 * torch.randn((), generator=g).double(), draws=200
    )
    with pytest.raises(AssertionError, match="differs"):
        assert_same_law(lambda rng: 1e-30 * rng.normal(), lambda rng: 3e-30 * rng.normal(), draws=200)
    with pytest.raises(AssertionError, match="a factor of 2"):
        assert_unbiased(lambda rng: 2e-30 + 1e-31 * rng.normal(), 1e-30)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(10.03, 9.9, 10.16), "10.0 ± 0.1"),
        (Interval(363.2, 361.0, 365.4), "363 ± 2"),
        (Interval(0.1071, 0.1001, 0.1141), "0.107 ± 0.007"),
        (Interval(2.0, 2.0, 2.0), "2"),
        (Interval(12345.0, 12045.0, 12645.0), "12300 ± 300"),
        (Interval(0.5, 0.5 - 1e-9, 0.5 + 1e-9), "0.5 ± 1e-09"),
    ],
)
def test_numbers_have_the_digits_that_they_tell(interval, text):
    assert number(interval) == text
