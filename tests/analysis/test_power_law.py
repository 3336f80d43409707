"""Exponents of known power laws, and whether their intervals hold them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from estibench.analysis.power_law import fit_exact_power_law, fit_power_law

X = np.array([16.0, 64.0, 256.0, 1024.0])


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("points", [2, 3, 4])
def test_counted_power_law_is_recovered_with_a_degenerate_interval(exponent: float, points: int) -> None:
    x = X[:points]
    law = fit_exact_power_law(x, 3.0 * x**exponent)
    assert law.exponent == pytest.approx(exponent, abs=1e-12)
    assert law.low == pytest.approx(law.high, abs=1e-12)
    assert law.scale == pytest.approx(3.0)
    assert (law.error, law.freedom, law.exact) == (0.0, math.inf, True)


def test_counts_that_follow_no_power_law_have_the_range_of_their_slopes() -> None:
    """y = 16 + x: its local slope grows from x/(16 + x) at the left to that at the right."""
    law = fit_exact_power_law(X, 16 + X)
    slopes = np.diff(np.log(16 + X)) / np.diff(np.log(X))
    assert law.low == pytest.approx(slopes[0])
    assert law.high == pytest.approx(slopes[-1])
    assert law.low < law.exponent < law.high


def test_several_counts_at_one_x_widen_the_range() -> None:
    law = fit_exact_power_law([16, 16, 64], [1.0, 2.0, 4.0])
    assert (law.low, law.exponent, law.high) == pytest.approx((0.5, 0.75, 1.0))


def test_interval_is_the_t_interval_of_simple_regression() -> None:
    """Against scipy's regression and the t quantile of 2 degrees of freedom, 4.303."""
    from scipy import stats

    x, y = [1, 10, 100, 1000], [1.0, 14.0, 80.0, 1300.0]
    reference = stats.linregress([math.log(v) for v in x], [math.log(v) for v in y])
    law = fit_power_law(x, y)
    assert law.exponent == pytest.approx(reference.slope)
    assert law.error == pytest.approx(reference.stderr)
    assert law.freedom == 2
    assert law.high - law.exponent == pytest.approx(4.30265 * reference.stderr, rel=1e-5)
    assert law.exponent - law.low == pytest.approx(law.high - law.exponent)


def test_the_points_own_errors_count_where_they_say_more_than_the_scatter() -> None:
    """A perfect line through points with errors: c = (−1, 0, 1) log 4, so the error is √(0.1² + 0.3²) / (2 log 4)."""
    law = fit_power_law(X[:3], 2 * X[:3], 0.9, [0.1, 0.2, 0.3])
    assert law.error == pytest.approx(math.sqrt(0.1) / (2 * math.log(4)))
    assert law.freedom == math.inf
    assert law.high - law.exponent == pytest.approx(1.6448536 * law.error)


@pytest.mark.parametrize("errors", [None, [math.nan, math.nan], [0.1, math.nan]])
def test_two_points_with_an_unknown_error_leave_nothing_to_judge_by(errors: list[float] | None) -> None:
    law = fit_power_law([16, 64], [1.0, 4.0], 0.95, errors)
    assert law.exponent == pytest.approx(1.0)
    assert math.isnan(law.error)
    assert math.isnan(law.low)
    assert math.isnan(law.high)


def test_an_unknown_error_leaves_the_scatter_to_judge_by() -> None:
    x, y = X, [1.0, 14.0, 80.0, 1300.0]
    assert repr(fit_power_law(x, y, 0.95, [9.0, 9.0, math.nan, 9.0])) == repr(fit_power_law(x, y))  # NaN ≠ NaN


@pytest.mark.parametrize("points", [2, 3, 4])
def test_interval_covers_the_true_exponent_where_only_the_points_err(points: int) -> None:
    """500 laws whose points have known, unequal errors, 95 % each: nominal for 2 points, more for the wider of two.

    Fewer than 455 covering has probability below 1e-4, more than 491 of nominal ones below 1e-4.
    """
    covered = _covered(points, np.array([0.05, 0.4, 0.1, 0.3])[:points], lack=0.0)
    assert covered >= 455
    assert points > 2 or covered <= 491


def test_interval_covers_the_true_exponent_where_the_law_is_rough_too() -> None:
    """500 laws with four times more scatter than the points know of: as above, and 455 of 500 is the limit."""
    assert 455 <= _covered(4, np.full(4, 0.1), lack=0.4) <= 495


def test_interval_covers_the_true_exponent_where_the_points_errors_are_unknown() -> None:
    """500 regressions on 4 points, 95 % each: outside of 455 to 491 has probability below 2e-4."""
    assert 455 <= _covered(4, None, lack=0.3) <= 491


def _covered(points: int, errors: np.ndarray | None, lack: float) -> int:
    """How many of 500 intervals hold the exponent of y = x^1.5, with normal log y."""
    generator = np.random.default_rng(0)
    x = X[:points]
    noise = np.hypot(lack, 0.0 if errors is None else errors)
    laws = [fit_power_law(x, x**1.5 * np.exp(noise * generator.normal(size=points)), 0.95, errors) for _ in range(500)]
    return sum(law.low <= 1.5 <= law.high for law in laws)


@pytest.mark.parametrize("fit", [fit_power_law, fit_exact_power_law])
def test_one_x_is_no_law(fit) -> None:
    with pytest.raises(ValueError, match="two different x"):
        fit([16, 16], [1.0, 2.0])
