"""Claims about exponents, judged over a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from estibench.results.frame import to_frame


def claim(y: str, exponent: float, tolerance: float = 0.0) -> dict[str, Any]:
    return {"claim": f"{y} ~ problem_dim^{exponent:g}", "y": y, "x": "problem_dim", "exponent": exponent} | {
        "tolerance": tolerance
    }


def rows(y: str, values: dict[int, float], *claims: dict[str, Any], error: float = 0.0) -> list[dict[str, Any]]:
    names = {"problem_name": "f", "estimator_name": "e", "family": "e", "estimator": "e", "device": "cpu"}
    made = []
    for dim, value in values.items():
        bounds = {f"{y}_low": value * math.exp(-1.96 * error), f"{y}_high": value * math.exp(1.96 * error)}
        made.append(
            {**names, "dtype": "float64", "status": "ok", "problem": f"f(dim={dim})", "problem_dim": dim, y: value}
            | {"claims": [], "scaling_claims": list(claims), **(bounds if error else {})}
        )
    return made


def verdicts(found: list[dict[str, Any]]) -> dict[str, str]:
    frame = to_frame(found)
    assert all(claims == [] for claims in frame["claims"][:-1]), "the evidence is at the last cell of the curve"
    return {claim["claim"]: claim["verdict"] for claim in frame["claims"].iloc[-1]}


def test_counts_are_judged_exactly() -> None:
    values = {16: 16.0, 64: 64.0, 256: 256.0}
    assert verdicts(rows("cost_matvec", values, claim("cost_matvec", 1), claim("cost_matvec", 0.99))) == {
        "cost_matvec ~ problem_dim^1 over 3 cells": "supported",
        "cost_matvec ~ problem_dim^0.99 over 3 cells": "refuted",
    }
    bent = {16: 17.0, 64: 65.0, 256: 257.0}
    strict, loose = claim("cost_matvec", 1), claim("cost_matvec", 1.001, tolerance=0.1)
    assert list(verdicts(rows("cost_matvec", bent, strict, loose)).values()) == ["refuted", "supported"]


def test_measured_exponents_are_judged_by_their_errors() -> None:
    values = {16: 1.0, 64: 4.1, 256: 15.8}
    right, wrong = claim("time", 1), claim("time", 2)
    assert list(verdicts(rows("time", values, right, wrong, error=0.05)).values()) == ["supported", "refuted"]
    assert list(verdicts(rows("time", values, right, wrong, error=1.0)).values()) == ["undecided", "undecided"]
    (verdict,) = verdicts(rows("time", {16: 1.0, 64: 4.0}, right)).values()
    assert verdict == "undecided", "two points without intervals say nothing"


def test_scatter_beyond_the_points_errors_counts() -> None:
    """Points that miss every line by far more than their errors do not refute an exponent."""
    values = {16: 1.0, 32: 4.0, 64: 2.0, 128: 16.0, 256: 10.0}
    assert list(verdicts(rows("time", values, claim("time", 1), error=0.01)).values()) != ["refuted"]


def test_a_claim_that_not_all_cells_of_the_curve_make_is_not_tested() -> None:
    found = rows("time", {16: 1.0, 64: 4.0}, claim("time", 1), error=0.1)
    found[0]["scaling_claims"] = []
    assert verdicts(found) == {}


@pytest.mark.parametrize("status", ["failed", "unsupported"])
def test_failed_cells_take_no_part(status: str) -> None:
    found = rows("cost_matvec", {16: 16.0, 64: 64.0, 256: 256.0}, claim("cost_matvec", 1))
    found.insert(0, {**found[0], "status": status, "problem_dim": 4, "problem": "f(dim=4)", "cost_matvec": 1e9})
    assert verdicts(found) == {"cost_matvec ~ problem_dim^1 over 3 cells": "supported"}
