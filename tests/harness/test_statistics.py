"""Statistics against closed forms and by coverage."""

import math

import pytest
import torch
from scipy import stats

from estibench.measure import statistics as s


def normal(n, d, seed, mean=0.0, scale=1.0):
    g = torch.Generator().manual_seed(seed)
    return mean + scale * torch.randn(n, d, generator=g, dtype=torch.float64)


def test_moments_by_definition():
    draws, truth = normal(50, 3, 0, mean=1.0), torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    m = s.Moments(draws, truth)
    covariance = torch.cov(draws.T)
    assert m.trace == pytest.approx(float(covariance.trace()))
    torch.testing.assert_close(m.squared_errors, (draws - truth).square().sum(1))
    b = draws.mean(0) - truth
    assert m.variance_along_bias == pytest.approx(float(b @ covariance @ b / (b @ b)))
    mse = s.mse_interval(m, 0.95)
    naive_bias = float((draws.mean(0) - truth).square().sum())
    assert mse.value == pytest.approx(naive_bias + m.trace * 49 / 50)
    assert s.squared_bias_interval(m, 0.95).value == pytest.approx(naive_bias - m.trace / 50)


def test_squared_bias_is_unbiased_where_the_naive_form_has_a_floor():
    """Mean over 400 samples within 4 standard errors of the truth: rate below 1e-4."""
    truth = torch.zeros(20, dtype=torch.float64)
    for shift in (0.0, 0.3):
        values = [s.squared_bias_interval(s.Moments(normal(50, 20, i, shift), truth), 0.95).value for i in range(400)]
        sample = torch.tensor(values)
        assert abs(sample.mean() - 20 * shift**2) < 4 * sample.std() / 20
        assert sample.mean() + 20 / 50 > 20 * shift**2 + 5 * sample.std() / 20, "the naive form is off by tr S/n"


@pytest.mark.parametrize("d", [1, 8])
@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_intervals_cover(d, shift):
    """600 repetitions at nominal 95 %: fewer than 91 % covered has probability below 1e-4 (exact binomial).

    The maxima over components may cover more often: the upper bound is conservative.
    """
    assert stats.binom.cdf(0.91 * 600, 600, 0.95) < 1e-4
    truth = torch.zeros(d, dtype=torch.float64)
    expected = {
        "mse": d * (1 + shift**2),
        "variance": d,
        "bias": d**0.5 * shift,
        "squared_bias": d * shift**2,
        "mean_error": shift,
        "component_bias": shift,
        "component_rmse": (1 + shift**2) ** 0.5,
    }
    covered = dict.fromkeys(expected, 0)
    for seed in range(600):
        m = s.Moments(normal(200, d, seed, shift), truth)
        for name, value in expected.items():
            interval = getattr(s, f"{name}_interval")(m, 0.95)
            assert interval.low <= interval.value <= interval.high
            covered[name] += interval.low <= value <= interval.high
    assert all(count >= 0.91 * 600 for count in covered.values()), covered
    at_most = {name: 1.0 if name.startswith("component") and d > 1 else 0.98 for name in expected}
    assert all(count <= at_most[name] * 600 for name, count in covered.items()), covered


def test_the_interval_of_a_bias_is_not_needlessly_wide():
    """With the variance along the bias bounded instead of estimated, it was twice as wide in eight dimensions."""
    m = s.Moments(normal(500, 8, 0, 0.5), torch.zeros(8, dtype=torch.float64))
    found = s.squared_bias_interval(m, 0.95)
    spread = (4 * 2 * 1 / 500 + 2 * 8 / 500**2) ** 0.5  # b'b = 2, Σ = I
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_the_largest_component_is_found_among_many():
    """600 repetitions, 40 components, one of them twice as large: coverage below 91 % has probability below 1e-4."""
    scale = torch.ones(40, dtype=torch.float64)
    scale[7] = 2
    hits = 0
    for seed in range(600):
        m = s.Moments(normal(200, 40, seed) * scale, torch.zeros(40, dtype=torch.float64))
        found = s.component_rmse_interval(m, 0.95)
        hits += found.low <= 2 <= found.high
    assert 0.91 * 600 <= hits <= 0.98 * 600


def test_unbiasedness_is_the_t_test_for_symmetric_scalars():
    draws = normal(30, 1, 0)
    draws = torch.cat([draws, -draws]) + 0.3
    expected = stats.ttest_1samp(draws[:, 0].numpy(), 0.0).pvalue
    m = s.Moments(draws, torch.zeros(1, dtype=torch.float64))
    assert s.unbiasedness_p_value(m, 0.0) == pytest.approx(expected)
    fitted = s.Moments(torch.cat([draws, draws], dim=1), torch.zeros(2, dtype=torch.float64))
    assert s.unbiasedness_p_value(fitted, 0.0) == pytest.approx(expected, rel=0.05), "two equal components are one"


@pytest.mark.parametrize("d", [1, 2, 16])
def test_skewed_draws_do_not_refute_unbiasedness(d):
    """4000 repetitions at level 1e-3, 100 exponential draws: at most 14 rejections (rate below 1e-4 for 4 expected)."""
    chooser = torch.Generator().manual_seed(d)
    truth = torch.ones(d, dtype=torch.float64)
    rejected = 0
    for _ in range(4000):
        draws = torch.empty(100, d, dtype=torch.float64).exponential_(generator=chooser)
        rejected += s.unbiasedness_p_value(s.Moments(draws, truth), 0.0) < 1e-3
    assert rejected <= 14


@pytest.mark.parametrize("d", [2, 16, 200])
def test_unbiasedness_has_its_level_and_power(d):
    """Rejections at 5 % among 300: between 1 % and 10 % (exact binomial, rate below 1e-3); a shift is found."""
    truth = torch.zeros(d, dtype=torch.float64)
    mixing = torch.linspace(0.1, 2, d, dtype=torch.float64)
    level = [s.unbiasedness_p_value(s.Moments(normal(100, d, i) * mixing, truth), 0.0) < 0.05 for i in range(300)]
    assert 3 <= sum(level) <= 30
    moved = [s.unbiasedness_p_value(s.Moments(normal(100, d, i, 0.5) * mixing, truth), 0.0) for i in range(20)]
    assert max(moved) < 0.05


def test_a_bias_below_rounding_is_not_evidence():
    draws = torch.full((10, 1), 1.0 + 1e-9, dtype=torch.float64)
    m = s.Moments(draws, torch.ones(1, dtype=torch.float64))
    assert s.unbiasedness_p_value(m, 1e-8) == 1.0
    assert s.unbiasedness_p_value(m, 1e-10) == 0.0


def test_coverage_counts_draws_within_z_errors():
    draws = torch.tensor([[0.0], [1.9], [2.1], [-3.0]], dtype=torch.float64)
    found = s.covered(draws, torch.ones(4, 1), torch.zeros(1, dtype=torch.float64), 0.95)
    assert found.tolist() == [1, 1, 0, 0]


def test_constant_draws_have_degenerate_intervals():
    draws, truth = torch.full((5, 2), 3.0, dtype=torch.float64), torch.full((2,), 3.0, dtype=torch.float64)
    for interval in (s.mse_interval, s.variance_interval, s.bias_interval):
        found = interval(s.Moments(draws, truth, random=False), 0.95)
        assert (found.value, found.low, found.high) == (0, 0, 0)
        assert found.relative_half_width == 0
        random = interval(s.Moments(draws, truth), 0.95)
        assert math.isnan(random.low)
        assert math.isnan(random.high)


def test_interval_arithmetic():
    assert s.Interval(4, 1, 9).root() == s.Interval(2, 1, 3)
    assert s.Interval(-1, -2, 4).root() == s.Interval(0, 0, 2)
    assert s.Interval(2, 1, 3).relative_half_width == 0.5
    assert math.isinf(s.Interval(0, 0, 3).relative_half_width)


def test_a_variance_without_spread_to_first_order_is_not_refuted():
    """Draws of 0 or 2 with even chances have |g − E g| = 1 always: all that varies is the mean that is subtracted.

    Without the variance of that the test refuted a true variance, with a p-value of 0, whenever both values came
    equally often: once in 14 samples of 128. Here 500 samples, and none below 1e-3 (rate 0: χ² has no such tail).
    """
    truth = torch.ones(1, dtype=torch.float64)
    for seed in range(500):
        generator = torch.Generator().manual_seed(seed)
        draws = 2.0 * (torch.rand(128, 1, generator=generator, dtype=torch.float64) < 0.5).to(torch.float64)
        m = s.Moments(draws, truth)
        assert s.variance_p_value(m, 1.0) > 1e-3
        assert s.variance_p_value(m, 1.5) < 1e-3


def test_draws_against_another_truth_keep_their_spread_and_nothing_else():
    """All that is asked of moments, from those of another truth and made anew."""
    draws, truth = normal(40, 6, 0), torch.full((6,), 3.0, dtype=torch.float64)
    moments = s.Moments(draws, torch.zeros_like(truth), rounding=1e-9, truth_error=0.1)
    other, anew = moments.against(truth), s.Moments(draws, truth, rounding=1e-9, truth_error=0.1)
    for name in ("errors", "mean_error", "squared_errors", "squared_deviations"):
        torch.testing.assert_close(getattr(other, name), getattr(anew, name))
    assert other.trace == pytest.approx(anew.trace)
    assert other.trace_squared == moments.trace_squared == pytest.approx(anew.trace_squared)
    assert other.variance_along_bias == pytest.approx(anew.variance_along_bias)
    assert (other.rounding, other.truth_error, other.unseen) == (1e-9, 0.1, None)
    assert s.unbiasedness_p_value(other, 0.0) < 1e-9 < s.unbiasedness_p_value(moments, 0.0)


def test_what_was_seen_well_is_kept_against_another_truth():
    """Two of three components vary; the third has one hit in 60 draws."""
    draws, truth = normal(60, 3, 0), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    draws[:, 1] = 0.0
    draws[7, 1] = 5.0
    part = s.Moments(draws, torch.zeros_like(truth)).against(truth).seen()
    anew = s.Moments(draws[:, [0, 2]], truth[[0, 2]])
    torch.testing.assert_close(part.errors, anew.errors)
    assert part.trace_squared == pytest.approx(anew.trace_squared)
    assert s.Moments(draws[:, 1:2], truth[1:2]).against(truth[:1]).seen() is None
