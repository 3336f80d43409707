"""The tables of winners at budgets and of break-evens, and their files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estibench.exports import tables
from estibench.exports.summary import summary_tables
from estibench.results import Results

WORK = "Best at a budget (discrete_gradient, budget in evaluations)"
TURNS = "Where the order turns (discrete_gradient, budget in evaluations)"


def row(estimator: str, bias: float, variance: float, work: float, problem: str = "p", **more: Any) -> dict[str, Any]:
    """A cell whose squared bias and variance are known to 1 %."""
    family = estimator.partition("(")[0]
    names = {
        "problem": problem,
        "estimator": estimator,
        "family": family,
        "problem_name": "p",
        "estimator_name": family,
    }
    where = {"task": "discrete_gradient", "device": "cpu", "dtype": "float32", "status": "ok", "reason": ""}
    found = {"bias_squared": bias, "variance": variance, "mse": bias + variance}
    bounds = {f"{name}{side}": f * x for name, x in found.items() for side, f in (("_low", 0.99), ("_high", 1.01))}
    cost = {"work": work, "cost_evaluation": work, "truth_norm": 2.0, "rounding": 1e-6}
    return {**names, **where, **found, **bounds, **cost, "claims": [], **more}


def claim(words: str, claimed: float = 0.0, p_value: float = 0.5) -> dict[str, Any]:
    test = {"measured": 0.0, "low": 0.0, "high": 0.0, "noncentrality": 1e9, "numerator": 1.0, "denominator": 60.0}
    return {"claim": words, "claimed": claimed, "p_value": p_value, **test}


FAIR = row("fair", 0.0, 10.0, 1, claims=[claim("unbiased")])
BIASED = row("biased", 0.04, 1.0, 1)
EXACT = row("exact", 0.0, 0.0, 400, stopped="deterministic")


def run(*rows: dict[str, Any], directory: Path = Path(), **about: Any) -> Results:
    return Results(directory, about, list(rows))


def shown(*rows: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {table.title: table for table in summary_tables(run(*rows, **about))}


def test_winners_at_each_budget() -> None:
    """0.04 + 1/B against 10/B: equal at 225. The exact answer is affordable from 400 on."""
    found = shown(FAIR, BIASED, EXACT, budgets={"work": [2, 100, 300, 4000], "time": []})[WORK]
    assert found.header == ("problem", "at 2", "at 100", "at 300", "at 4000", "exact:\nevaluations, time")
    assert found.rows == (("p", "biased", "biased ▁", "fair", "[fair]", "400"),)
    assert "What a biased gradient does to a training run is another question" in found.explanation
    assert "Most efficient (discrete_gradient)" not in shown(FAIR, BIASED)


def test_the_break_even_with_its_interval_and_the_bias_that_is_left() -> None:
    found = shown(FAIR, BIASED, EXACT, budgets={"work": [2, 4000], "time": []})[TURNS]
    ((problem, below, at, above, bias),) = found.rows
    assert (problem, below, above, bias) == ("p", "biased", "fair", "0.1 → –")  # √0.04 over a truth of 2
    assert at.startswith("225 [22")
    assert "†" not in at


def test_no_table_of_turns_where_one_wins_at_every_budget() -> None:
    assert TURNS not in shown(row("biased", 0.04, 20.0, 1), FAIR)
    assert WORK in shown(row("biased", 0.04, 20.0, 1), FAIR)


def test_winners_that_are_not_told_apart_and_those_whose_claims_were_refuted() -> None:
    refuted = row("wrong", 0.04, 1.0, 1, claims=[claim("unbiased", p_value=1e-9)])
    rows = [refuted, row("near", 0.04, 1.01, 1)]
    found = shown(*rows, budgets={"work": [2, 4000], "time": []})
    assert found[WORK].rows == (("p", "wrong ✗ †", "wrong ✗ ▁ †", ""),)


def test_absent_bounds_are_not_told_apart() -> None:
    rare = {f"{name}_{side}": math.nan for name in ("mse", "variance", "bias_squared") for side in ("low", "high")}
    rows = [row("rare", 0.0, 1.0, 1, **rare), FAIR, row("other", 1.0, 1.0, 1)]
    assert shown(*rows, budgets={"work": [2, 10], "time": []})[WORK].rows[0][1:3] == ("rare †", "rare †")


def test_files_hold_every_error_at_every_budget(tmp_path: Path) -> None:
    dear = row("dear", 0.0, 1.0, 50, claims=[claim("unbiased")])
    results = run(FAIR, BIASED, dear, directory=tmp_path, budgets={"work": [10, 4000], "time": []})
    written = {path.name for path in tables.export(results)}
    assert {"budgets.csv", "flips.csv"} <= written
    bought = pd.read_csv(tmp_path / "tables/budgets.csv").set_index(["estimator", "budget"])
    assert bought.loc[("biased", 10.0), "error"] == pytest.approx(math.sqrt(0.04 + 0.1))
    assert bought.loc[("fair", 4000.0), "error"] == pytest.approx(math.sqrt(10 / 4000))
    assert bought.loc[("biased", 4000.0), ["estimates", "floor", "bias"]].tolist() == [
        4000,
        pytest.approx(0.2),
        "shown",
    ]
    assert math.isnan(bought.loc[("dear", 10.0), "error"])  # beyond the budget
    (turn,) = pd.read_csv(tmp_path / "tables/flips.csv").to_dict("records")
    assert (turn["better_below"], turn["better_above"], turn["shown"]) == ("biased", "fair", True)
    assert turn["break_even"] == pytest.approx(225)
    assert turn["break_even_low"] < 225 < turn["break_even_high"]
    fair = run(FAIR, row("other", 0.0, 1.0, 1, claims=[claim("unbiased")]), directory=tmp_path / "fair")
    fair.directory.mkdir()
    assert not {"budgets.csv", "flips.csv"} & {path.name for path in tables.export(fair)}
