"""What asks nothing of a problem, as exact samples do, wins nowhere: every place that picks a winner knows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estibench.analysis.advice import Question, Source, advise
from estibench.analysis.cells import competes
from estibench.analysis.criteria import criteria
from estibench.analysis.ranks import ranking
from estibench.analysis.regimes import regimes
from estibench.exports.answer import answer_lines
from estibench.exports.comparison import comparison_of
from estibench.exports.plots import pictures
from estibench.exports.summary import summary_tables
from estibench.exports.tables import to_latex, to_markdown
from estibench.results import Results
from estibench.results.frame import to_frame


def row(estimator: str, mse: float, work: float, dim: int) -> dict[str, Any]:
    labels = {"task": "sampling", "problem": f"p(dim={dim})", "problem_name": "p", "problem_dim": dim}
    labels |= {"estimator": estimator, "estimator_name": estimator, "family": estimator}
    labels |= {"device": "cpu", "dtype": "float32", "status": "ok", "reason": "", "claims": [], "draws": 500}
    found = {"work": work, "cost_evaluation": work, "time": 1e-3 * work + 1e-4}
    found |= {"rmse": mse**0.5, "rounding": 1e-9, "time_rounds": 11}
    for column, cost in (("mse", 1.0), ("mse_time", found["time"]), ("mse_work", work)):
        found |= {column: mse * cost, f"{column}_low": mse * cost / 1.1, f"{column}_high": mse * cost * 1.1}
    return labels | found


ROWS = [
    row(name, mse, work, dim)
    for dim in range(2, 8)
    for name, mse, work in (("perfect", 1.0, 0.0), ("good", 4.0, 10.0), ("bad", 16.0, 10.0))
]
FRAME = to_frame(ROWS)
LOOKED_AT = ("perfect", "bad")
PLOTS = [{"kind": "ranks", "y": "mse_time"}, {"kind": "regime", "x": "problem_dim", "y": "mse"}]


def results(**about: Any) -> Results:
    return Results(Path("run"), about, ROWS)


def advised() -> Any:
    found = advise([Source("run", FRAME, 0.95, {})], Question("sampling", None, "time"))
    return [one.winner["family"] for one in found.evidence]


def ranked() -> Any:
    found = ranking(criteria(FRAME, "time")[0].errors(FRAME), "error", 0.05)
    assert found is not None
    return found.estimators


def on_tiles() -> Any:
    return [tile.family for one in regimes(FRAME, "problem_dim", "mse", 0.95) for tile in one.tiles.values()]


def on_fronts() -> Any:
    return [FRAME.loc[FRAME[f"front_{cost}"] == True, "estimator"].tolist() for cost in ("work", "time")]  # noqa: E712


def marked_best() -> Any:
    tables = [comparison_of(FRAME, {"name": "t", "value": value}, 0.95) for value in ("rmse", "time", "mse")]
    found = []
    for table in tables:
        (section,) = table.sections
        columns = section.grid.columns
        found += [
            columns[at]
            for _, entries in section.grid.rows
            for at, entry in enumerate(entries)
            if entry.mark in ("best", "tie")
        ]
    return found


def in_words() -> Any:
    lines = [line.text for line in answer_lines(results())]
    floors = [line for line in lines if "the floor" in line]
    assert len(floors) == 1  # it is said what they are
    return [line for line in lines if line not in floors]


def in_the_summary() -> Any:
    return [table.rows for table in summary_tables(results())]


def drawn() -> Any:
    found = list(pictures(results(plots=PLOTS)))
    assert len(found) >= 2
    return [text.get_text() for one in found for text in one.draw().findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize(
    "place",
    [advised, ranked, on_tiles, on_fronts, marked_best, in_words, in_the_summary, drawn],
    ids=lambda f: f.__name__,
)
def test_a_floor_wins_nowhere(place: Callable[[], Any]) -> None:
    said = str(place())
    assert "good" in said
    assert "perfect" not in said


def test_a_bias_of_a_floor_asks_for_no_budget() -> None:
    """Where none of the others has one, their order holds at every budget."""
    seen = {"bias_squared": 0.5, "bias_squared_low": 0.4, "bias_squared_high": 0.6, "variance": 0.5}
    whose = {name: to_frame([one | (seen if one["estimator"] == name else {}) for one in ROWS]) for name in LOOKED_AT}
    assert [one.budget for one in criteria(whose["perfect"], "time")] == [None]
    assert all(one.budget for one in criteria(whose["bad"], "time"))


def test_who_competes() -> None:
    """A training run does, though nobody counts its work; without a column of work nobody asks nothing."""
    rows = [row("a", 1.0, 1.0, 2), row("free", 1.0, 0.0, 2), row("fit", 1.0, 0.0, 2), row("failed", 1.0, 1.0, 2)]
    rows[2]["curve"] = {"axis": "step", "x": [0.0], "error": [1.0]}
    rows[3]["status"] = "failed"
    assert competes(to_frame(rows)).tolist() == [True, False, True, False]
    assert competes(pd.DataFrame({"status": ["ok", "failed"]})).tolist() == [True, False]
    assert competes(pd.DataFrame({"estimator": ["a"]})).tolist() == [True]


def test_tables_set_a_floor_apart_and_say_why() -> None:
    table = comparison_of(FRAME, {"name": "t", "value": "time"}, 0.95)
    assert [note for note in table.notes if note.startswith("Italic")] == [
        "Italic: a floor, which asks nothing of the problem, out of competition."
    ]
    assert "*1.00e-4*" in to_markdown(table)
    assert r"\mathit" in to_latex(table)
