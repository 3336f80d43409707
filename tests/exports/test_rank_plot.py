"""The critical-difference diagram shows the ranking that the test found, and nothing overlaps."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estibench.analysis.ranks import Ranking
from estibench.exports.canvas import looks_of
from estibench.exports.plots import export, pictures
from estibench.exports.rank_plot import bar_levels, draw_ranks
from estibench.results import Results

RANKS = {"kind": "ranks"}


def row(estimator: str, problem: str, mse: float, **more: Any) -> dict[str, Any]:
    family = estimator.partition("(")[0]
    labels = {"problem": problem, "estimator": estimator, "family": family, "device": "cpu", "dtype": "float32"}
    return {"task": "trace", "status": "ok", "problem_name": problem, **labels, "mse": mse, "work": 1.0, **more}


def cells(*estimators: str, problems: str = "pqrstuvw", **more: Any) -> list[dict[str, Any]]:
    return [row(name, problem, 10.0**at, **more) for problem in problems for at, name in enumerate(estimators)]


def results(*rows: dict[str, Any], plots: list[dict[str, Any]], directory: Path = Path()) -> Results:
    return Results(directory, {"plots": plots}, list(rows))


def test_diagram_shows_ranks_groups_and_the_critical_difference() -> None:
    run = results(*cells("a(k=1)", "b", "a(k=2)"), row("exact", "p", 0.0, stopped="deterministic"), plots=[RANKS])
    picture = next(pictures(run))
    figure = picture.draw()
    (axis,) = figure.axes
    texts = [text.get_text() for text in axis.texts]
    assert {"a(k=1)", "b", "a(k=2)", "1.0", "2.0", "3.0", "CD = 1.17", "mean rank by\nMSE × work"} <= {*texts}
    assert "exact" not in texts
    bars = [list(line.get_xdata()) for line in axis.lines if line.get_linewidth() == 3]
    assert bars == [pytest.approx([1, 2], abs=0.05), pytest.approx([2, 3], abs=0.05)]
    looks = looks_of(run.frame)
    marks = {(line.get_color(), line.get_marker()) for line in axis.lines if line.get_marker() not in ("None", "")}
    assert marks == {(looks[family].colour, looks[family].marker) for family in "ab"}
    assert "k = 3 estimators, N = 8 blocks, critical difference 1.2; Friedman's p < 0.0001." in picture.caption


def test_the_ends_of_the_scale_are_labelled_on_top_so_that_no_lines_cross() -> None:
    (axis,) = next(pictures(results(*cells("a", "b", "c", "d"), plots=[RANKS]))).draw().axes
    line = {text.get_text(): text.xy[1] for text in axis.texts if hasattr(text, "xy")}
    assert line["a"] == line["d"] < line["b"] == line["c"]


def test_one_picture_per_task_over_all_devices_and_problems_may_be_chosen() -> None:
    rows = [*cells("a", "b"), *cells("a", "b", problems="xyzlm", task="flow"), *cells("a", "b", device="cuda")]
    found = list(pictures(results(*rows, row("c", "p", 1.0), plots=[{**RANKS, "title": "Who leads"}])))
    assert [picture.name for picture in found] == ["ranks-trace", "ranks-flow"]
    assert found[1].title == "Who leads (flow)"
    assert "N = 16 blocks" in found[0].caption
    assert found[0].caption.endswith("not measured in every block: c.")
    (chosen,) = pictures(results(*rows, plots=[{**RANKS, "problems": [*"xyzlm"]}]))
    assert "N = 5 blocks" in chosen.caption


def test_where_a_bias_shows_there_is_a_diagram_for_each_budget() -> None:
    biased = {"bias_squared": 4.0, "bias_squared_low": 3.9, "bias_squared_high": 4.1}
    spread = {"variance": 0.1, "variance_low": 0.09, "variance_high": 0.11}
    fair = {"claims": [claim("unbiased", 0.5)]}
    rows = [row("biased", problem, 4.1, **biased, **spread) for problem in "pqrst"]
    rows += [row("fair", problem, 10.0, **fair) for problem in "pqrst"]
    run = Results(Path(), {"plots": [RANKS], "budgets": {"work": [1.0, 100.0]}}, rows)
    found = list(pictures(run))
    assert [picture.name for picture in found] == ["ranks-at-1-units-of-work", "ranks-at-100-units-of-work"]
    assert [picture.draw.args[0].args[0].estimators for picture in found] == [("biased", "fair"), ("fair", "biased")]  # type: ignore[attr-defined]
    assert all("averaging does not remove a bias" in picture.caption for picture in found)


def test_whose_claims_were_refuted_is_marked() -> None:
    rows = cells("a", "b", claims=[claim("unbiased", 1e-30)])
    (picture,) = pictures(results(*rows, plots=[RANKS]))
    (axis,) = picture.draw().axes
    assert {"a ✗", "b ✗"} <= {text.get_text() for text in axis.texts}
    assert "✗: a claim of it was refuted." in picture.caption


def claim(words: str, p_value: float) -> dict[str, Any]:
    power = {"noncentrality": 1e9, "numerator": 1.0, "denominator": 60.0}
    return {"claim": words, "p_value": p_value, "measured": 0.0, "low": 0.0, "high": 0.0, "claimed": 0.0, **power}


def test_without_a_ranking_nothing_is_drawn(tmp_path: Path) -> None:
    few = cells("a", "b", problems="p")
    assert export(results(*few, plots=[RANKS, {**RANKS, "y": "mse_time"}], directory=tmp_path)) == []
    assert export(results(plots=[RANKS], directory=tmp_path)) == []


@pytest.mark.parametrize("name", ["e{}", "hutchinson(noise=orthogonal, probes={})"])
@pytest.mark.parametrize("k", [2, 3, 15, 40])
def test_all_texts_lie_inside_and_clear_of_each_other(k: int, name: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = [name.format(at) for at in range(k)]
    means = tuple(1 + (k - 1) * (at / max(k - 1, 1)) ** 0.5 for at in range(k))
    difference = 1.39 * (k - 1)  # as large as it gets
    groups = ((0, k // 2), (k // 2, k - 1))
    found = Ranking(tuple(names), means, 2, (), 0.01, difference, groups)
    families = dict(zip(names, (name.partition("(")[0] for name in names), strict=True))
    looks = looks_of(results(*(row(name, "p", 1.0) for name in names), plots=[]).frame)
    figure = draw_ranks(found, looks, families, "MSE × time")
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert not any(one.overlaps(two) for one, two in itertools.combinations(boxes, 2))
    inside = figure.bbox
    drawn = [*boxes, *(line.get_window_extent(renderer) for line in figure.axes[0].lines)]
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in drawn)
    assert all(inside.y0 <= box.y0 and box.y1 <= inside.y1 for box in drawn)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), unique_by=lambda bar: bar[0], max_size=8))
def test_bars_of_one_level_are_clear_of_each_other(spans: list[tuple[int, int]]) -> None:
    bars = [(float(low), float(low + length)) for low, length in sorted(spans)]
    placed = list(zip(bars, bar_levels(bars, 1.0), strict=True))
    for (one, level), (two, other) in itertools.combinations(placed, 2):
        assert level != other or two[0] - one[1] > 1.0
