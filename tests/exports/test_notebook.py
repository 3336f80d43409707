"""Results in a notebook: the answer, a plot, a table, and no text that becomes markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from estibench.exports.answer import answer_lines
from estibench.results import Results


def row(estimator: str, mse: float, work: float, problem: str = "p", **more: Any) -> dict[str, Any]:
    names = {"task": "trace", "problem_name": "p", "estimator_name": estimator, "family": estimator, "reason": ""}
    labels = {"problem": problem, "estimator": estimator, "device": "cpu", "dtype": "float32", "status": "ok"}
    found = {"work": work, "time": 1.0, "time_low": 1.0, "time_high": 1.0, "draws": 500, "claims": [], "rmse": mse**0.5}
    for column, cost in (("mse", 1.0), ("mse_work", work), ("mse_time", 1.0)):
        found |= {column: mse * cost, f"{column}_low": mse * cost / 1.1, f"{column}_high": mse * cost * 1.1}
    return names | labels | found | more


def test_the_answer_a_plot_and_a_table() -> None:
    rows = [row("a(k=2)", 1.0, 4), row("<b>", 4.0, 1), row("c", 1.0, 1, status="failed", reason="<i>")]
    results = Results(Path("r"), {}, rows)
    page = results._repr_html_()
    places = [page.index(part) for part in ("a(k=2) wins 1", "<svg", "<table")]
    assert places == sorted(places)
    assert "&lt;b&gt;" in page
    assert "<i>" not in page
    assert "1 s" in page[places[2] :]
    assert len(answer_lines(results)) >= 4


def test_runs_with_little_in_them() -> None:
    assert Results(Path("r"), {}, [])._repr_html_() == "<p>The run has no cells.</p>"
    many = [row("a", 1.0, at + 1, problem=f"p(dim={at})") for at in range(30)]
    page = Results(Path("r"), {}, many)._repr_html_()
    assert "6 of 30 problems" in page
    assert "and 18 more rows" in page
