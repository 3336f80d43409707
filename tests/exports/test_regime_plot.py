"""What a regime map draws: tiles, markers, hatches and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.patches import Rectangle

from estibench.exports.canvas import looks_of
from estibench.exports.plots import pictures
from estibench.exports.regime_plot import budget_text, tint
from estibench.results import Results

REGIME = {"kind": "regime"}


def row(estimator: str, mse: float, work: float, dim: int | None = 4, wide: float = 1.1, **more: Any) -> dict[str, Any]:
    problem = "p" if dim is None else f"p(dim={dim})"
    family = estimator.partition("(")[0]
    names = {"task": "trace", "problem": problem, "problem_name": "p", "estimator": estimator, "family": family}
    where = {"status": "ok", "device": "cpu", "dtype": "float32", "problem_dim": dim}
    bounds = {"mse": mse, "mse_low": mse / wide, "mse_high": mse * wide, "rmse": mse**0.5, "rounding": 0.0}
    return {**names, **where, **bounds, "work": work, "cost_matvec": work, **more}


def results(*rows: dict[str, Any], plot: dict[str, Any] = REGIME) -> Results:
    return Results(Path(), {"plots": [plot]}, list(rows))


def test_tiles_have_the_colour_and_the_marker_of_the_winner_and_are_hatched_where_it_is_not_told_apart() -> None:
    run = results(
        row("a", 1.0, 1), row("b", 1.01, 1), row("b(k=2)", 0.1, 8), row("a", 1.0, 1, 64), row("b", 9.0, 1, 64)
    )
    picture = next(pictures(run))
    figure = picture.draw()
    (axis,) = figure.axes
    looks = looks_of(run.frame)
    marks = {(line.get_xdata()[0], line.get_ydata()[0]): line.get_marker() for line in axis.lines}
    a, b = looks["a"].marker, looks["b"].marker
    assert marks == {(0, 0): a, (0, 1): b, (1, 0): a, (1, 1): a}
    tiles = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    filled = {patch.get_xy(): patch.get_facecolor()[:3] for patch in tiles if not patch.get_hatch()}
    assert filled[-0.5, -0.5] == pytest.approx(tint(looks["a"].colour))
    assert filled[-0.5, 0.5] == pytest.approx(tint(looks["b"].colour))
    assert [patch.get_xy() for patch in tiles if patch.get_hatch()] == [(-0.5, -0.5)]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["4", "64"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["1", "8"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["a", "b", "not told apart\nfrom another kind"]
    assert "one estimate errs least" in picture.caption
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("dimension", "budget [matvecs]")


def test_without_the_parameter_there_is_one_column_and_no_label() -> None:
    figure = next(pictures(results(row("a", 1.0, 1, None), row("b", 9.0, 1, None)))).draw()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [""]
    assert figure.get_supxlabel() == ""
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a"]


def test_one_figure_for_each_task_device_and_dtype() -> None:
    rows = [row("a", 1.0, 1), row("b", 2.0, 1)]
    tasks = [*rows, *({**one, "task": "flow"} for one in rows)]
    assert [one.name for one in pictures(results(*tasks))] == ["regime-trace", "regime-flow"]
    places = [*rows, *({**one, "dtype": "float64"} for one in rows)]
    names = [one.name for one in pictures(results(*places))]
    assert names == ["regime-cpu-float32-trace", "regime-cpu-float64-trace"]


def test_other_errors_and_nothing_to_draw() -> None:
    rows = [row("a", 1.0, 1, mse_time=1.0), row("b", 2.0, 1, mse_time=0.1)]
    for one in rows:
        one |= {"time": one["mse_time"] / one["mse"]}
    run = results(*rows, plot={**REGIME, "y": "mse_time"})
    (axis,) = next(pictures(run)).draw().axes
    assert [line.get_marker() for line in axis.lines] == [looks_of(run.frame)["b"].marker] * 2
    assert [label.get_text() for label in axis.get_yticklabels()] == ["50 ms", "1 s"]  # the budget is a time
    assert axis.figure.get_supylabel() == "budget [time]"
    assert list(pictures(results())) == []
    assert list(pictures(results({**rows[0], "work": None, "cost_matvec": None}))) == []


def test_winners_whose_claims_were_refuted_are_marked() -> None:
    power = {"noncentrality": 1e9, "numerator": 1.0, "denominator": 60.0}
    claim = {"claim": "unbiased", "p_value": 1e-30, "measured": 1.0, "low": 1.0, "high": 1.0, "claimed": 0.0, **power}
    picture = next(pictures(results(row("a", 1.0, 1, claims=[claim]), row("b", 9.0, 1, claims=[]), row("b", 0.1, 4))))
    figure = picture.draw()
    marks = {text.xy: text.get_text() for text in figure.axes[0].texts}
    assert marks == {(0, 0): "✗"}
    assert figure.legends[0].get_texts()[-1].get_text() == "a claim of the winner\nwas refuted"
    assert picture.caption.endswith("✗: a claim of it was refuted.")


@pytest.mark.parametrize(
    ("budget", "text"), [(30, "30"), (0.5, "0.5"), (1024, "1.02k"), (4096, "4.1k"), (2_500_000, "2.5M")]
)
def test_budgets_are_short(budget: float, text: str) -> None:
    assert budget_text(budget) == text
