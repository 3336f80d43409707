"""Exponents of known power laws, and which cells make a curve."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estibench.results import Results
from estibench.results.curves import curves
from estibench.results.power_law import fit_power_law
from estibench.results.scaling import COLUMNS, scaling_table

SCALING = [{"y": "time", "x": "problem_dim"}]


def row(dim: int, time: float | None, **more: Any) -> dict[str, Any]:
    given = {"problem": f"field(dim={dim}, batch=4)", "estimator": "hutchinson(probes=3)", "family": "hutchinson"}
    names = {"problem_name": "field", "estimator_name": "hutchinson", "status": "ok", "device": "cpu"}
    parameters = {"problem_dim": dim, "problem_batch": 4, "estimator_probes": 3}
    return {**given, **names, **parameters, "dtype": "float32", "reason": "", "time": time, **more}


def table(*rows: dict[str, Any], scaling: list[dict[str, str]] = SCALING) -> pd.DataFrame:
    return scaling_table(Results(Path(), {"scaling": scaling}, list(rows)))


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 2.0])
def test_exact_power_law_is_recovered_with_a_degenerate_interval(exponent: float) -> None:
    law = fit_power_law([8, 16, 64, 256], [3.0 * x**exponent for x in (8, 16, 64, 256)])
    assert law.exponent == pytest.approx(exponent, abs=1e-12)
    assert law.low == pytest.approx(law.high, abs=1e-12)
    assert law.scale == pytest.approx(3.0)


def test_interval_is_the_t_interval_of_simple_regression() -> None:
    """Against scipy's regression and the t quantile of 2 degrees of freedom, 4.303."""
    from scipy import stats

    x, y = [1, 10, 100, 1000], [1.0, 14.0, 80.0, 1300.0]
    reference = stats.linregress([math.log(v) for v in x], [math.log(v) for v in y])
    law = fit_power_law(x, y)
    assert law.exponent == pytest.approx(reference.slope)
    assert law.high - law.exponent == pytest.approx(4.30265 * reference.stderr, rel=1e-5)
    assert law.exponent - law.low == pytest.approx(law.high - law.exponent)


def test_interval_covers_the_true_exponent() -> None:
    """500 regressions on 4 points, 95 % each: fewer than 455 covering has probability below 1e-4."""
    import numpy as np

    generator = np.random.default_rng(0)
    x = np.array([16.0, 64.0, 256.0, 1024.0])
    laws = [fit_power_law(x, x**1.5 * np.exp(generator.normal(0, 0.3, 4))) for _ in range(500)]
    assert 455 <= sum(law.low <= 1.5 <= law.high for law in laws) <= 492


def test_two_points_give_an_exponent_without_an_interval() -> None:
    found = table(row(16, 1.0), row(64, 4.0)).iloc[0]
    assert found["exponent"] == pytest.approx(1.0)
    assert math.isnan(found["exponent_low"])
    assert math.isnan(found["exponent_high"])
    assert found["points"] == 2


def test_one_x_is_no_curve() -> None:
    assert table(row(16, 1.0)).empty
    with pytest.raises(ValueError, match="two different x"):
        fit_power_law([16, 16], [1.0, 2.0])


def test_table_names_the_problem_without_x() -> None:
    found = table(row(16, 1.0), row(64, 4.0), row(256, 16.0))
    assert list(found.columns) == list(COLUMNS)
    assert list(found["problem"]) == ["field(batch=4)"]
    assert list(found["estimator"]) == ["hutchinson(probes=3)"]
    assert found["exponent"].item() == pytest.approx(1.0)


def test_parameters_of_other_problems_are_no_difference() -> None:
    """The parameters of `other` are NaN in the rows of `field`, which must still make one curve."""
    other = {"problem": "other(rank=3)", "problem_name": "other", "problem_batch": None, "problem_rank": 3}
    found = table(row(16, 1.0), row(64, 4.0), row(256, 16.0), row(16, 1.0, **other))
    assert list(found["problem"]) == ["field(batch=4)"]
    assert list(found["points"]) == [3]


@pytest.mark.parametrize(
    "difference",
    [
        {"problem_batch": 8},
        {"problem_name": "other"},
        {"device": "cuda"},
        {"dtype": "float64"},
        {"estimator": "xtrace"},
        {"problem": "field(dim=64, density=mixture(modes=4), batch=4)"},
    ],
)
def test_what_differs_in_more_than_x_is_another_curve(difference: dict[str, Any]) -> None:
    assert table(row(16, 1.0), row(64, 4.0, **difference)).empty


def test_nested_parameters_stay_in_the_label() -> None:
    rows = [row(dim, 1.0 * dim, problem=f"field(density=mixture(modes=4, dim=3), dim={dim})") for dim in (16, 64)]
    assert list(table(*rows)["problem"]) == ["field(density=mixture(modes=4, dim=3))"]


def test_cells_without_a_positive_value_are_left_out() -> None:
    found = table(row(16, 1.0), row(32, None), row(48, 0.0), row(64, 4.0), row(128, 9.0, status="failed"))
    assert list(found["points"]) == [2]


def test_estimators_parameter_as_x() -> None:
    rows = [
        row(64, 100.0 / probes, estimator=f"hutchinson(probes={probes})", estimator_probes=probes)
        for probes in (1, 10, 100)
    ]
    found = table(*rows, scaling=[{"y": "time", "x": "estimator_probes"}])
    assert list(found["estimator"]) == ["hutchinson"]
    assert list(found["problem"]) == ["field(dim=64, batch=4)"]
    assert found["exponent"].item() == pytest.approx(-1.0)


def test_points_are_ordered_and_keep_their_intervals() -> None:
    rows = [row(256, 4.0, time_low=3.0, time_high=5.0), row(16, 1.0, time_low=0.5, time_high=2.0)]
    points = curves(Results(Path(), {}, rows).frame, "time", "problem_dim")[0].points
    assert points.to_dict("list") == {"x": [16.0, 256.0], "y": [1.0, 4.0], "low": [0.5, 3.0], "high": [2.0, 5.0]}


def test_unknown_columns_and_no_ok_cells_give_nothing() -> None:
    assert table(row(16, 1.0), row(64, 4.0), scaling=[{"y": "peak_bytes", "x": "problem_dim"}]).empty
    assert table(row(16, 1.0, status="failed"), row(64, 1.0, status="failed")).empty
    assert list(table(row(16, 1.0), scaling=[]).columns) == list(COLUMNS)
