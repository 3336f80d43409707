"""Where curves cross: against closed forms, and whether the intervals hold the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estibench.analysis.break_even import crossings
from estibench.analysis.curves import Curve, normal_quantile
from estibench.exports.scaling import BREAK_EVENS, break_even_table
from estibench.results import Results

X = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
Q = normal_quantile(0.95)


def curve(x: Sequence[float], y: Sequence[float], errors: float | Sequence[float] = 0.0, name: str = "a") -> Curve:
    """Points with standard errors of log y; NaN for unknown ones."""
    width = np.exp(Q * np.broadcast_to(np.asarray(errors, dtype=float), (len(x),)))
    y = np.asarray(y, dtype=float)
    points = pd.DataFrame({"x": np.asarray(x, dtype=float), "y": y, "low": y / width, "high": y * width})
    return Curve("field", name, name, name, "cpu", "float32", points, exact=False)


def law(exponent: float, scale: float = 1.0, x: Sequence[float] = X) -> list[float]:
    return [scale * place**exponent for place in x]


def test_exact_power_laws_cross_where_they_are_equal() -> None:
    """k₁ log x + b₁ = k₂ log x + b₂ at x = exp((b₂ − b₁) / (k₁ − k₂)); unequal grids make no difference."""
    grid = (5.0, 20.0, 500.0)
    (found,) = crossings(curve(X, law(2.0)), curve(grid, law(0.5, 200.0, grid)), 0.95)
    assert found.at == pytest.approx(200 ** (1 / 1.5))
    assert (found.low, found.high) == pytest.approx((found.at, found.at))
    assert found.first_below


def test_order_of_the_two_does_not_matter() -> None:
    one, other = curve(X, law(2.0), 0.2), curve(X, law(0.5, 200.0), 0.1)
    (forth,), (back,) = crossings(one, other, 0.95), crossings(other, one, 0.95)
    assert (forth.at, forth.low, forth.high) == pytest.approx((back.at, back.low, back.high))
    assert forth.first_below
    assert not back.first_below


def test_a_crossing_at_a_point_of_the_grid() -> None:
    (found,) = crossings(curve(X, law(1.0)), curve(X, law(0.0, 32.0)), 0.95)
    assert (found.low, found.at, found.high) == pytest.approx((32.0, 32.0, 32.0))


def test_interval_is_fiellers() -> None:
    """Between 1 and e², d runs from −1 to 1 with errors s at both ends: 2v − 1 = ± q s √((1 − v)² + v²)."""
    s = 0.25
    (found,) = crossings(curve([1, math.e**2], [math.exp(-1), math.e], s), curve([1, math.e**2], [1, 1]), 0.95)
    g = (Q * s) ** 2  # (4 − 2g) v² − (4 − 2g) v + 1 − g = 0
    half = math.sqrt((4 - 2 * g) ** 2 - 4 * (4 - 2 * g) * (1 - g)) / (2 * (4 - 2 * g))
    assert math.log(found.at) == pytest.approx(1.0)
    assert [math.log(found.low), math.log(found.high)] == pytest.approx([2 * (0.5 - half), 2 * (0.5 + half)])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(law(1.0, 3.0), id="parallel"),
        pytest.param(law(1.0), id="equal"),
        pytest.param(law(0.0, 8.0), id="touches at the end"),
        pytest.param([100, 100, 32, 100, 200, 500], id="touches within"),
        pytest.param(law(-1.0, 9.0), id="crosses within the noise of one end"),
    ],
)
@pytest.mark.parametrize("error", [0.0, 0.1])
def test_no_crossing_no_row(other: list[float], error: float) -> None:
    if error == 0 and other == law(-1.0, 9.0):
        other = law(-1.0, 64.0)
    assert crossings(curve(X, law(1.0), error), curve(X, other, error), 0.95) == []


def test_touching_between_the_points_of_the_other_curve() -> None:
    """Rounding of the interpolated value must not make a crossing out of a touch."""
    for low in np.linspace(0.1, 0.9, 50):
        one = curve([2.0, 20.0, 200.0], [5.0, 5.0 * 10**low, 5.0])
        other = curve([3.0, 20.0, 150.0], [50.0, 5.0 * 10**low, 50.0])
        assert crossings(one, other, 0.95) == []


def test_every_crossing_has_its_row() -> None:
    found = crossings(curve(X, [1, 1, 10, 10, 1, 1], 0.1), curve(X, [3] * 6, 0.1), 0.95)
    assert [crossing.first_below for crossing in found] == [True, False]
    assert 16 < found[0].low < found[0].at < found[0].high < 32
    assert 64 < found[1].low < found[1].at < found[1].high < 128


def test_wiggles_within_the_noise_are_one_crossing() -> None:
    (found,) = crossings(curve(X, [1, 2.9, 3.1, 2.95, 3.1, 9], 0.1), curve(X, [3] * 6), 0.95)
    assert 8 < found.low < 16 < found.at < 128 < found.high < 256


def test_nothing_is_extrapolated() -> None:
    assert crossings(curve(X[:3], law(1.0, x=X[:3])), curve(X[3:], law(-1.0, 64.0, X[3:])), 0.95) == []
    assert crossings(curve(X[:3], law(2.0, x=X[:3])), curve(X, law(1.0, 100.0)), 0.95) == []


def test_points_of_unknown_error_are_left_out() -> None:
    errors = [0.1, 0.1, math.nan, 0.1, 0.1, 0.1]
    (found,) = crossings(curve(X, law(1.0), errors), curve(X, law(0.0, 40.0), 0.1), 0.95)
    assert found.at == pytest.approx(40.0)
    assert 16 < found.low < found.at < found.high < 64
    assert crossings(curve(X, law(1.0), math.nan), curve(X, law(0.0, 40.0), 0.1), 0.95) == []


def test_points_with_the_same_x_are_averaged() -> None:
    one = curve([8, 8, 64, 64], [1, 4, 8, 32], 0.1)
    (found,) = crossings(one, curve(X, [6] * 6, 0.1), 0.95)
    (same,) = crossings(curve([8, 64], [2, 16], 0.1 / math.sqrt(2)), curve(X, [6] * 6, 0.1), 0.95)
    assert (found.at, found.low, found.high) == pytest.approx((same.at, same.low, same.high))


@pytest.mark.parametrize("grid", [X, (6.0, 21.0, 39.0, 90.0, 300.0)], ids=["same grid", "unequal grids"])
def test_interval_covers_the_true_break_even(grid: Sequence[float]) -> None:
    """1000 pairs of laws that are linear between their points, 95 % each.

    Fewer than 922 or more than 974 covering has probability 1e-4.
    """
    generator = np.random.default_rng(1)
    a, b = np.array(law(1.0)), np.array(law(0.25, 15.0, grid))
    errors_a, errors_b = np.array([0.1, 0.3, 0.2, 0.2, 0.15, 0.1]), np.linspace(0.25, 0.1, len(grid))
    truth = 15 ** (1 / 0.75)
    covered = 0
    for _ in range(1000):
        one = curve(X, a * np.exp(errors_a * generator.normal(size=len(X))), errors_a)
        other = curve(grid, b * np.exp(errors_b * generator.normal(size=len(grid))), errors_b)
        covered += any(found.low <= truth <= found.high for found in crossings(one, other, 0.95))
    assert 922 <= covered <= 974


def test_equal_curves_seldom_cross_demonstrably() -> None:
    """1000 pairs of the same law on 6 points. 2.6 % cross (of 4000 others): more than 50 have probability 1e-5."""
    generator = np.random.default_rng(2)
    y = np.array(law(1.0))
    noisy = [[curve(X, y * np.exp(0.2 * generator.normal(size=6)), 0.2) for _ in range(2)] for _ in range(1000)]
    assert sum(bool(crossings(one, other, 0.95)) for one, other in noisy) <= 50


def row(estimator: str, dim: int, time: float, error: float = 0.05, **more: Any) -> dict[str, Any]:
    name = estimator.partition("(")[0]
    labels = {"problem": f"field(dim={dim})", "estimator": estimator, "family": name, "device": "cpu"}
    names = {"problem_name": "field", "estimator_name": name, "dtype": "float32", "status": "ok", "reason": ""}
    bounds = {"time_low": time * math.exp(-error), "time_high": time * math.exp(error)}
    return (
        {**labels, **names, "problem_dim": dim, "time": time, "cosine": time, "cosine_low": 0.9 * time} | bounds | more
    )


def rows() -> list[dict[str, Any]]:
    flat = [row(f"hutchinson(probes={k})", dim, 10.0 * k, estimator_probes=k) for k in (1, 3) for dim in (4, 16, 64)]
    return [*(row("exact", dim, float(dim)) for dim in (4, 16, 64)), *flat]


def table(*cells: dict[str, Any], **entry: Any) -> pd.DataFrame:
    asked = {"y": "time", "x": "problem_dim", **entry}
    return break_even_table(Results(Path(), {"break_even": [asked]}, list(cells)))


def test_table_says_who_is_better_on_which_side() -> None:
    found = table(*rows(), between=["hutchinson", "exact"])
    assert list(found.columns) == list(BREAK_EVENS)
    assert list(found["problem"]) == ["field", "field"]
    assert list(found["better_below"]) == ["exact", "exact"]
    assert list(found["better_above"]) == ["hutchinson(probes=1)", "hutchinson(probes=3)"]
    assert list(found["break_even"]) == pytest.approx([10.0, 30.0])
    assert (found["break_even_low"] < found["break_even"]).all()
    assert (found["break_even"] < found["break_even_high"]).all()


def test_where_higher_is_better_so_is_the_higher_curve() -> None:
    cells = [cell | {"cosine_high": 1.1 * cell["cosine"]} for cell in rows()]
    found = table(*cells, y="cosine", between=["exact", "hutchinson(probes=1)"])
    assert found[["better_below", "better_above"]].to_numpy().tolist() == [["hutchinson(probes=1)", "exact"]]


def test_pairs_share_problem_device_and_dtype() -> None:
    assert len(table(*rows())) == 2
    assert len(table(*rows(), between=["hutchinson", "hutchinson"])) == 0
    other = [{**cell, "device": "cuda"} for cell in rows() if cell["estimator"] == "exact"]
    rest = [cell for cell in rows() if cell["estimator"] != "exact"]
    assert table(*other, *rest).empty
    assert table(*rows(), y="flops").empty
