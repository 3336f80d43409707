"""Timing: orders, intervals and calibration. No test asserts a time."""

import math
from collections import Counter

import pytest

from estibench.measure import timing


def test_latin_orders_put_every_call_at_every_place_equally_often():
    orders = timing._latin_orders(4, 12, seed=0)
    assert len(orders) == 12
    for place in range(4):
        assert set(Counter(order[place] for order in orders).values()) == {3}
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert orders == timing._latin_orders(4, 12, seed=0)
    assert orders != timing._latin_orders(4, 12, seed=1)


def test_median_interval_is_the_sign_tests():
    samples = list(range(1, 12))
    found = timing.median_interval(samples, 0.95)
    assert (found.value, found.low, found.high) == (6, 2, 10), "x_(2) and x_(10) cover with 98.8 %"
    found = timing.median_interval([1, 2, 3, 4, 5, 6], 0.95)
    assert (found.low, found.high) == (1, 6)
    few = timing.median_interval([1, 2, 3], 0.95)
    assert (few.value, few.low, few.high) == (2, -math.inf, math.inf)
    assert timing.median_interval([1, math.nan, 3], 0.95).value == 2
    assert math.isnan(timing.median_interval([], 0.95).value)


def test_ratio_is_paired_by_round():
    """A drift by a factor of 100 over the rounds leaves the ratio alone."""
    drift = [100 ** (i / 10) for i in range(11)]
    baseline = timing.Stopwatch(lambda: None, wall=drift)
    other = timing.Stopwatch(lambda: None, wall=[2 * wall for wall in drift])
    ratio, p_value = timing.ratio_interval(other, baseline, 0.95)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((2, 2, 2))
    assert p_value == pytest.approx(2 * 0.5**11)
    same, p_value = timing.ratio_interval(baseline, baseline, 0.95)
    assert (same.value, p_value) == (1, 1)


def test_every_call_is_timed_in_every_round_unless_it_takes_too_long(monkeypatch):
    calls = Counter()
    seconds = {"fast": 0.01, "slow": 1.0}

    def elapsed(device, call, loops, flush):
        calls[call()] += 1
        return seconds[call()] * loops, 0.0

    monkeypatch.setattr(timing, "elapsed", elapsed)
    fast, slow = timing.time_block([lambda: "fast", lambda: "slow"], "cpu", 11, 0, 1, time_limit=2.5)
    assert sum(not math.isnan(wall) for wall in fast.wall) == 11
    assert sum(not math.isnan(wall) for wall in slow.wall) == 3
    assert len(slow.wall) == 11
    assert fast.loops == slow.loops == 1


def test_calibration_makes_an_epoch_of_a_millisecond(monkeypatch):
    monkeypatch.setattr(timing, "elapsed", lambda device, call, loops, flush: (loops * 1e-6, 0.0))
    assert 1000 <= timing._calibrate(lambda: None, "cpu")[0] <= 1300
