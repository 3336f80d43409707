"""Which cells make a curve, and what the scaling table says of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estibench.analysis.curves import curves
from estibench.exports.scaling import EXPONENTS, scaling_table
from estibench.results import Results

SCALING = [{"y": "time", "x": "problem_dim"}]


def row(dim: int, time: float | None, **more: Any) -> dict[str, Any]:
    given = {"problem": f"field(dim={dim}, batch=4)", "estimator": "hutchinson(probes=3)", "family": "hutchinson"}
    names = {"problem_name": "field", "estimator_name": "hutchinson", "status": "ok", "device": "cpu"}
    parameters = {"problem_dim": dim, "problem_batch": 4, "estimator_probes": 3}
    return {**given, **names, **parameters, "dtype": "float32", "reason": "", "time": time, **more}


def table(*rows: dict[str, Any], scaling: list[dict[str, str]] = SCALING) -> pd.DataFrame:
    return scaling_table(Results(Path(), {"scaling": scaling}, list(rows)))


def test_two_points_give_an_exponent_without_an_interval() -> None:
    found = table(row(16, 1.0), row(64, 4.0)).iloc[0]
    assert found["exponent"] == pytest.approx(1.0)
    assert math.isnan(found["exponent_low"])
    assert math.isnan(found["exponent_high"])
    assert found["points"] == 2


def test_two_points_with_intervals_give_an_exponent_with_one() -> None:
    found = table(row(16, 1.0, time_low=0.8, time_high=1.25), row(64, 4.0, time_low=3.2, time_high=5.0)).iloc[0]
    half_width = math.sqrt(2) * math.log(1.25) / math.log(4)
    assert found["exponent_low"] == pytest.approx(1 - half_width)
    assert found["exponent_high"] == pytest.approx(1 + half_width)
    assert not found["exact"]


@pytest.mark.parametrize("bounds", [(-math.inf, math.inf), (0.0, 5.0), (None, None), (1.0, math.inf)])
def test_points_without_finite_bounds_stay_and_their_error_is_unknown(bounds: tuple[float, float]) -> None:
    low, high = bounds
    found = table(row(16, 1.0, time_low=0.8, time_high=1.25), row(64, 4.0, time_low=low, time_high=high)).iloc[0]
    assert found["points"] == 2
    assert found["exponent"] == pytest.approx(1.0)
    assert math.isnan(found["exponent_low"])


def test_counts_are_exact() -> None:
    rows = [row(dim, 1.0, cost_matvec=float(dim), peak_bytes=bytes_) for dim, bytes_ in ((16, 1), (64, 2), (256, 32))]
    scaling = [{"y": "cost_matvec", "x": "problem_dim"}, {"y": "peak_bytes", "x": "problem_dim"}]
    found = table(*rows, scaling=scaling)
    assert found["exact"].all()
    bounds = found[["exponent", "exponent_low", "exponent_high"]].to_numpy().tolist()
    assert bounds[0] == pytest.approx([1, 1, 1], abs=1e-12)
    assert bounds[1] == pytest.approx([1.25, 0.5, 2])


def test_errors_of_rounding_follow_no_law() -> None:
    scaling = [{"y": "mse", "x": "work"}, {"y": "time", "x": "work"}]
    rows = [row(16, 1.0, work=work, mse=1 / work) for work in (1, 2, 4)]
    rows.append(row(16, 1.0, work=8, mse=1e-14, stopped="rounding"))
    found = table(*rows, scaling=scaling)
    assert list(found["points"]) == [3, 4]
    assert found["exponent"].iloc[0] == pytest.approx(-1.0)


def test_one_x_is_no_curve() -> None:
    assert table(row(16, 1.0)).empty


def test_table_names_the_problem_without_x() -> None:
    found = table(row(16, 1.0), row(64, 4.0), row(256, 16.0))
    assert list(found.columns) == list(EXPONENTS)
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
    assert points.to_dict("list") == {
        "cell": [1, 0],
        "x": [16.0, 256.0],
        "y": [1.0, 4.0],
        "low": [0.5, 3.0],
        "high": [2.0, 5.0],
    }


def test_unknown_columns_and_no_ok_cells_give_nothing() -> None:
    assert table(row(16, 1.0), row(64, 4.0), scaling=[{"y": "peak_bytes", "x": "problem_dim"}]).empty
    assert table(row(16, 1.0, status="failed"), row(64, 1.0, status="failed")).empty
    assert list(table(row(16, 1.0), scaling=[]).columns) == list(EXPONENTS)
