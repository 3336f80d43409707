"""The report's section: errors at equal budgets, and flips, from cells whose answer is known."""

from pathlib import Path

import pytest

from estibench.results import Results
from estibench_discrete import fit_report
from estibench_discrete.budgets import error_at, sections, squared_bias


def row(estimator, problem, variance, bias_squared=0.0, claim=None, work=1.0, **more):
    names = {"problem": problem, "estimator": estimator, "family": estimator, "problem_name": problem}
    where = {"task": "discrete_gradient", "device": "cpu", "dtype": "float32", "status": "ok", "reason": ""}
    bias = {"bias_squared": bias_squared, "bias_squared_low": 0.5 * bias_squared, "bias_squared_high": 2 * bias_squared}
    evidence = {"low": 0.0, "high": 0.0, "measured": 0.0, "effect": "", "draws": 64, "noncentrality": 1e9}
    evidence |= {"numerator": 1.0, "denominator": 60.0}
    claims = [{"claim": claim[0], "claimed": claim[1], "p_value": 0.5, **evidence}] if claim else []
    measured = {"variance": variance, "work": work, "time": 1e-5 * work, "rounding": 1e-9, "claims": claims}
    return {**names, **where, **bias, **measured, "stopped": "precision", **more}


def run(*rows):
    return Results(Path(), {}, list(rows))


def test_the_bias_is_taken_from_theory_where_there_is_one():
    assert squared_bias(row("a", "p", 1.0, 0.3, ("unbiased", 0.0))) == 0.0
    assert squared_bias(row("a", "p", 1.0, 0.3, ("bias = …", 0.5))) == 0.25
    assert squared_bias(row("a", "p", 1.0, 0.3)) == 0.3
    assert squared_bias(row("a", "p", 1.0, 0.3, bias_squared_low=-0.1)) == 0.6  # may be 0: its upper bound


def test_errors_at_a_budget():
    cell = row("a", "p", 2.0, 0.3, work=4.0)
    assert error_at(cell, "work", 16.0) == pytest.approx(0.3 + 2.0 * 4 / 16)
    assert error_at(cell, "work", 3.0) is None
    assert error_at(row("a", "p", 0.0), "work", 16.0) == pytest.approx(1e-18)


def test_small_budgets_favour_the_biased_and_large_ones_the_unbiased():
    fair, biased = ("unbiased", 0.0), ("bias", 0.1)
    rows = [row("fair", "p", 1.0, claim=fair), row("biased", "p", 0.01, claim=biased)]
    rows += [row("fair", "q", 1.0, claim=fair), row("biased", "q", 100.0, claim=biased)]
    ((title, text),) = sections(run(*rows))
    assert title == "Rankings at equal budgets"
    lines = [line.split() for line in text.splitlines()]
    assert ["p", "biased", "fair", "fair"] in lines  # 1/16 against 0.01 + 0.01/16, 1/1024, 1/65536
    assert ["q", "fair", "fair", "fair"] in lines
    assert "Rankings that flip between problems at 1024 evaluations" not in text


def test_flips_are_told_with_the_problems_that_make_them():
    rows = [row("a", "p", 1.0), row("b", "p", 9.0), row("a", "q", 8.0), row("b", "q", 1.0)]
    ((_, text),) = sections(run(*rows))
    assert "a against b: ahead on 1, behind on 1" in text
    assert "ahead by 9 times on p" in text
    assert "behind by 8 times on q" in text


def test_other_runs_and_exact_gradients_have_no_section():
    assert sections(run(row("a", "p", 1.0, task="trace"), row("b", "p", 1.0, task="trace"))) == []
    exact = row("exact", "p", 0.0, stopped="deterministic")
    assert sections(run(exact, row("a", "p", 1.0))) == []


def test_fits_are_ranked_by_their_last_excess():
    curve = {"axis": "step", "x": [0.0, 9.0], "error": [1.0, 0.5], "low": [1.0, 0.4], "high": [1.0, 0.6]}
    better = {**curve, "error": [1.0, 0.25]}
    rows = [
        row(name, "fit", 1.0, task="discrete_fit", draws=16, curve=one) for name, one in (("a", curve), ("b", better))
    ]
    ((title, text),) = fit_report.sections(run(*rows))
    assert title == "Where training has led"
    lines = text.splitlines()
    assert [line.split()[:2] for line in lines[-2:]] == [["b", "0.25"], ["a", "0.5"]]
    assert "[0.4, 0.6]" in lines[-1]
    assert fit_report.sections(run(row("a", "p", 1.0))) == []
