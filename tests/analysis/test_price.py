"""What a budget buys: closed forms, what is known of a bias, absent bounds, and how often the intervals cover."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import torch

from estibench.analysis.price import Bounded, at_budget, claimed_bias, is_biased, price_of


def row(**more: Any) -> dict[str, Any]:
    """b² = 1 [0.9, 1.2], V = 3 [2, 5], so an MSE of 4; one estimate costs 2."""
    found = {"mse": (4.0, 3.5, 5.0), "variance": (3.0, 2.0, 5.0), "bias_squared": (1.0, 0.9, 1.2)}
    sides = {f"{name}{end}": x for name, xs in found.items() for end, x in zip(("", "_low", "_high"), xs, strict=True)}
    return {**sides, "work": 2.0, "time": 0.1, "time_low": 0.1, "time_high": 0.1, "rounding": 1e-6, **more}


def claim(words: str, claimed: float = 0.0, verdict: str = "supported") -> dict[str, Any]:
    return {"claims": [{"claim": words, "claimed": claimed, "verdict": verdict}]}


def price(by: Any = "work", **more: Any) -> Any:
    found = price_of(row(**more), by)
    assert found is not None
    return found


def test_averaging_removes_the_variance_and_keeps_the_bias() -> None:
    one = price()
    assert one.at(2).value == pytest.approx(4)  # one estimate: its MSE
    assert one.at(20).value == pytest.approx(1 + 3 * 2 / 20)
    assert one.at(1e12).value == pytest.approx(1)
    assert price("time").at(1.0).value == pytest.approx(1 + 3 * 0.1 / 1.0)
    assert (one.affords(2), one.affords(1.9)) == (True, False)
    assert (one.half_is_bias(7), one.half_is_bias(5)) == (True, False)


def test_bounds_are_those_of_the_parts_where_the_other_vanishes() -> None:
    far = price().at(1e9)
    assert (far.low, far.high) == pytest.approx((0.9, 1.2), rel=1e-6)
    fair = price(**claim("unbiased")).at(20)
    assert (fair.value, fair.low, fair.high) == pytest.approx((0.4, 0.35, 0.5))  # MSE × work / budget


def test_half_widths_add_with_the_covariance_that_the_mse_tells() -> None:
    """Above: the MSE's 1 is less than √(0.2² + 2²), so none. With 2.1 it is (2.1² − 0.2² − 2²)/2 = 0.185."""
    assert price().at(2).high == pytest.approx(4 + math.hypot(0.2, 2))
    shared = price(mse_high=6.1)
    assert shared.at(2).high == pytest.approx(6.1)
    assert shared.at(20).high == pytest.approx(1.3 + math.sqrt(0.2**2 + 0.2**2 + 2 * 0.1 * 0.185))
    assert price(mse_high=99).at(2).high == pytest.approx(4 + 0.2 + 2)  # as if they erred together, and no more


def test_what_is_known_of_the_bias() -> None:
    assert (price().bias, price(bias_squared_low=-0.1).bias) == ("shown", "open")
    assert price(bias_squared=-0.3, bias_squared_low=-0.5).floor == Bounded(0.0, 0.0, 1.2)
    assert price(**claim("unbiased if f is linear")).floor == Bounded(0, 0, 0)
    assert price(**claim("exact")).bias == "none"
    assert price(**claim("bias = …", 0.5)).floor == Bounded(0.25, 0.25, 0.25)
    assert price(**claim("bias = …", 0.5)).rate == Bounded(6, 4, 10)
    assert price(**claim("bias = …", 1e-7)).bias == "none"  # below rounding
    for words in ("unbiased", "bias = …"):
        refuted = price(**claim(words, 0.0, "refuted"))
        assert (refuted.bias, refuted.floor) == ("shown", Bounded(1.0, 0.9, 1.2))
    assert claimed_bias(row()) is None
    assert [is_biased(row(**more)) for more in ({}, claim("unbiased"), {"bias_squared_low": 0.0})] == [
        True,
        False,
        False,
    ]


def test_a_whole_run_is_not_averaged() -> None:
    fit = price(curve={"axis": "step"})
    assert fit.at(2) == fit.at(2000) == Bounded(4.0, 3.5, 5.0)


@pytest.mark.parametrize("missing", ["bias_squared", "variance", "mse"])
@pytest.mark.parametrize("absent", [None, math.nan])
def test_absent_bounds_are_unknown(missing: str, absent: float | None) -> None:
    found = price(**{f"{missing}_low": absent, f"{missing}_high": absent}).at(20)
    assert found.value == pytest.approx(1.3)
    assert 0 <= found.low <= found.value <= found.high
    if missing != "mse":  # which adds a covariance only
        assert found.high == math.inf
    assert price(**{"bias_squared_low": absent, "bias_squared_high": absent}).bias == "open"
    assert price("time", time_low=absent, time_high=absent).at(1.0).high == math.inf


def test_nothing_is_zero_for_certain_but_a_claim() -> None:
    """Equal draws: the MSE is 0 as far as they tell, and may be anything."""
    equal = {
        f"{name}{end}": x for name in ("mse", "variance") for end, x in (("", 0.0), ("_low", None), ("_high", None))
    }
    found = price(**equal, **claim("unbiased")).at(20)
    assert (found.value, found.low, found.high) == (0.0, 0.0, math.inf)


def test_cells_without_an_error_or_a_cost_have_no_price() -> None:
    assert price_of(row(mse=math.nan), "work") is None
    assert price_of(row(work=None), "work") is None
    frame = pd.DataFrame([row(), row(work=30.0), row(mse=None)])
    found = at_budget(frame, "work", 20)
    assert found["error"].tolist() == pytest.approx([1.3, math.nan, math.nan], nan_ok=True)


@pytest.mark.parametrize("law", ["normal", "exponential"])
def test_intervals_of_averages_cover(law: str, drawn: Any) -> None:
    """A bias of 1, a variance of 0.5, work of 4, known from 512 draws: at each budget 95 % of 200 intervals cover.

    Of exponential errors b² and V are told by the same large draws: taken for independent their intervals cover 92 %.
    Broken on purpose, the error taken for the MSE over the number of estimates is found out.
    """
    generator = torch.Generator().manual_seed(4)
    budgets = {4.0: 1.5, 22.0: 1 + 2 / 22, 1000.0: 1.002}
    covered, broken = dict.fromkeys(budgets, 0), 0
    for _ in range(drawn.repetitions):
        one = price_of(drawn.measure(generator, law, 1.0, 0.5, 4.0), "work")
        assert one is not None
        for budget, error in budgets.items():
            found = one.at(budget)
            covered[budget] += found.low <= error <= found.high
        wrong = replace(one, floor=Bounded(0, 0, 0), rate=Bounded(*(4 * x for x in (1.5, 1.4, 1.6)))).at(22)
        broken += wrong.low <= budgets[22.0] <= wrong.high
    assert min(covered.values()) >= drawn.fewest, covered
    assert broken == 0
