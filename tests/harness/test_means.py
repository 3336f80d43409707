"""Intervals and p-values of a mean, against definitions and by coverage."""

import math
import random
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import brentq

from estibench.measure import means
from estibench.measure.intervals import clustered_proportion_interval, effective_trials, proportion_interval


def sample(kind, n, seed, columns=None):
    """Samples of mean 0 and variance 1."""
    chooser = np.random.default_rng(seed)
    shape = (n,) if columns is None else (n, columns)
    values = {
        "normal": lambda: chooser.standard_normal(shape),
        "exponential": lambda: chooser.exponential(size=shape) - 1,
        "student": lambda: chooser.standard_t(5, shape) * math.sqrt(3 / 5),
        "lognormal": lambda: (np.exp(chooser.standard_normal(shape)) - math.exp(0.5)) / math.sqrt(math.e**2 - math.e),
    }[kind]()
    return torch.from_numpy(values)


def test_summary_by_definition():
    y = sample("exponential", 50, 0, columns=3)
    found = means.summarise(y)
    np.testing.assert_allclose(found.mean, y.mean(0))
    np.testing.assert_allclose(found.error, y.std(0) / math.sqrt(50))
    np.testing.assert_allclose(found.skewness, stats.skew(y.numpy()) / math.sqrt(50))


def test_constant_samples():
    constant = torch.full((5,), 3.0, dtype=torch.float64)
    for interval in (means.mean_interval(constant, 0.95), means.positive_mean_interval(constant, 0.95)):
        assert (interval.value, interval.low, interval.high) == (3, 3, 3)
    assert means.mean_p_value(constant, 3.0) == 1
    assert means.mean_p_value(constant, 3.1) == 0
    assert means.mean_p_value(constant, 3.1, tolerance=0.2) == 1


def test_a_symmetric_sample_gets_students_interval():
    y = sample("normal", 200, 1)
    y = torch.cat([y, -y])
    found = means.mean_interval(y, 0.9)
    expected = stats.t.interval(0.9, 399, 0.0, float(y.std()) / 20)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)
    assert means.mean_p_value(y, 0.02) == pytest.approx(stats.ttest_1samp(y.numpy(), 0.02).pvalue)


@pytest.mark.parametrize("tail", [0.025, 1e-4])
def test_bounds_invert_the_test(tail):
    """At a bound, the two-sided p-value of the envelope is twice the tail."""
    y = sample("exponential", 300, 2)
    low, high = means.mean_bounds(means.summarise(y), tail)
    for bound in (low[0], high[0]):
        assert means.mean_p_value(y, float(bound)) == pytest.approx(2 * tail, rel=1e-6)
    positive = y + 1
    low, high = means.mean_bounds(means.summarise(positive), tail, positive=True)
    for bound in (low[0], high[0]):
        assert means.positive_mean_p_value(positive, float(bound)) == pytest.approx(2 * tail, rel=1e-6)


def coverage(kind, n, transform, truth, interval, repetitions=1000):
    hits = 0
    for seed in range(repetitions):
        found = interval(transform(sample(kind, n, seed)), 0.95)
        hits += found.low <= truth <= found.high
    return hits / repetitions


@pytest.mark.parametrize("kind", ["normal", "exponential", "student"])
def test_intervals_of_squares_cover_where_students_does_not(kind):
    """1000 repetitions; below 92.5 % or above 97.5 % has probability below 1e-3 for a coverage of 95 %."""
    found = coverage(kind, 256, torch.square, 1.0, means.positive_mean_interval)
    assert 0.925 <= found <= 0.975

    def students(y, confidence):
        half = stats.t.ppf(0.975, len(y) - 1) * float(y.std()) / math.sqrt(len(y))
        return means.Interval(float(y.mean()), float(y.mean()) - half, float(y.mean()) + half)

    if kind != "normal":
        assert coverage(kind, 256, torch.square, 1.0, students) < 0.925


@pytest.mark.parametrize("kind", ["normal", "exponential", "student", "lognormal"])
def test_signed_intervals_cover(kind):
    """1000 repetitions; see above."""
    assert 0.925 <= coverage(kind, 256, lambda y: y, 0.0, means.mean_interval) <= 0.975


def test_far_tails_do_not_refute_skewed_samples():
    """20 000 exponential samples of 128 at level 1e-3: at most 40 rejections (rate below 1e-4 if 20 are expected).

    Student's t rejects about 60 times here.
    """
    chooser = np.random.default_rng(0)
    y = torch.from_numpy(chooser.exponential(size=(128, 20_000)))
    summary = means.summarise(y)
    student = (summary.mean - 1) / summary.error
    hall = means.transformed(summary, 1.0)
    critical = stats.t.isf(0.0005, 127)
    assert (np.minimum(abs(student), abs(hall)) > critical).sum() <= 40
    assert (abs(student) > critical).sum() > 45


@pytest.mark.parametrize("shared", [0.0, 0.95])
def test_ratio_of_means_covers_and_gains_from_pairs(shared):
    """500 repetitions: coverage below 91 % has probability below 1e-3. Shared noise narrows the interval."""
    hits, widths, rejected = 0, [], 0
    for seed in range(500):
        common = sample("normal", 256, seed)
        a, b = (
            (math.sqrt(shared) * common + math.sqrt(1 - shared) * sample("normal", 256, seed + offset)).square()
            for offset in (1000, 2000)
        )
        found, p_value = means.ratio_of_means(3 * a, b, 0.95)
        hits += found.low <= 3 <= found.high
        widths.append(math.log(found.high / found.low))
        rejected += means.ratio_of_means(a, b, 0.95)[1] < 0.05
        assert (p_value < 0.05) == (not found.low <= 1 <= found.high)
    assert 0.91 <= hits / 500 <= 0.985
    assert rejected <= 45
    assert np.median(widths) < 0.35 if shared else np.median(widths) > 0.45


@pytest.mark.parametrize("kind", ["normal", "student"])
def test_ratio_of_samples_of_different_sizes_covers(kind):
    """600 repetitions, the first 128 draws of 512 paired: coverage below 91 % has probability below 1e-4."""
    hits = 0
    for seed in range(600):
        b = sample("normal", 128, seed).square()
        a = 3 * sample(kind, 512, seed if kind == "normal" else 10_000 + seed).square()
        found, _ = means.ratio_of_means(a, b, 0.95)
        assert found.value == pytest.approx(float(a.mean() / b.mean()))
        hits += found.low <= 3 <= found.high
    assert 0.91 <= hits / 600 <= 0.98


def test_ratio_with_a_denominator_that_may_be_zero_has_no_upper_bound():
    b = torch.zeros(20, dtype=torch.float64)
    b[0] = 1.0
    found, _ = means.ratio_of_means(torch.ones(20, dtype=torch.float64), b, 0.95)
    assert math.isinf(found.high)
    assert 0 < found.low < found.value


def test_wilson_interval():
    found = proportion_interval(0.9, 100, 0.95)
    expected = stats.binomtest(90, 100).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    certain = proportion_interval(1.0, 100, 0.95)
    assert certain.high == 1.0
    assert certain.low < 1.0


def test_dependent_components_count_less():
    chooser = torch.Generator().manual_seed(0)
    independent = (torch.rand(400, 10, generator=chooser) < 0.3).to(torch.float64).mean(1)
    assert 3000 < effective_trials(independent, 10) <= 4000
    together = (torch.rand(400, generator=chooser) < 0.3).to(torch.float64)
    assert effective_trials(together, 10) == pytest.approx(400, rel=0.01)
    assert effective_trials(torch.ones(400, dtype=torch.float64), 10) == 400
    narrow, wide = (clustered_proportion_interval(found, 10, 0.95) for found in (independent, together))
    assert narrow.high - narrow.low < 0.4 * (wide.high - wide.low)


@pytest.mark.parametrize(
    ("function", "bends"),
    [
        (lambda x, root, slope: math.atan(slope * (x - root)), True),
        (lambda x, root, slope: math.expm1((x - root) * min(slope, 10)), True),
        (lambda x, root, slope: (x - root) * (slope if x > root else 1), False),
    ],
    ids=["step", "exponential", "kink"],
)
def test_a_sign_change_is_found_where_brent_finds_it(function, bends):
    """Against SciPy's brentq, which would import half a second of other things; in as many steps, where it bends."""
    draw = random.Random(0)
    steps = {"ours": 0, "Brent's": 0}

    def counted(x, who, *given):
        steps[who] += 1
        return function(x, *given)

    for _ in range(200):
        given = root, _ = draw.uniform(0.01, 60), 10 ** draw.uniform(-3, 3)
        end = root * draw.uniform(1.001, 2)
        ends = [(x, function(x, *given)) for x in (0.0, end)]
        found = means._sign_change(partial(lambda given, x: counted(x, "ours", *given), given), *ends)
        assert found == pytest.approx(brentq(counted, 0.0, end, args=("Brent's", *given), xtol=1e-10), abs=1e-8)
    assert steps["ours"] <= (1.5 if bends else 10) * steps["Brent's"]
