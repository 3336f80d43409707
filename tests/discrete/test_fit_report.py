"""The report's section on fits."""

from pathlib import Path

from estibench.results import Results
from estibench_discrete import fit_report


def row(estimator, problem, **more):
    names = {"problem": problem, "estimator": estimator, "family": estimator, "problem_name": problem}
    where = {"task": "discrete_fit", "device": "cpu", "dtype": "float32", "status": "ok", "reason": ""}
    return {**names, **where, "work": 1.0, "time": 1e-5, "claims": [], **more}


def run(*rows):
    return Results(Path(), {}, list(rows))


def test_fits_are_ranked_by_their_last_excess():
    curve = {"axis": "step", "x": [0.0, 9.0], "error": [1.0, 0.5], "low": [1.0, 0.4], "high": [1.0, 0.6]}
    better = {**curve, "error": [1.0, 0.25]}
    rows = [row(name, "fit", draws=16, curve=one) for name, one in (("a", curve), ("b", better))]
    ((title, text),) = fit_report.sections(run(*rows))
    assert title == "Where training has led"
    lines = text.splitlines()
    assert [line.split()[:2] for line in lines[-2:]] == [["b", "0.25"], ["a", "0.5"]]
    assert "[0.4, 0.6]" in lines[-1]
    assert fit_report.sections(run(row("a", "p", task="discrete_gradient"))) == []
