"""What is drawn, what is left out, and that nothing outside the figures changes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from estibench.exports.canvas import COLOURS, MARKERS, looks_of, tick, tick_steps, wrapped
from estibench.exports.panels import floor_of, panels_of
from estibench.exports.plots import export, pictures, to_svg
from estibench.results import Results

ERROR_COST = {"kind": "error_cost", "title": "Error"}
BIAS = {"kind": "bias_variance"}
SCALING = {"kind": "scaling"}


def row(
    estimator: str, value: float | None, work: float, problem: str = "matrix(dim=4)", **more: Any
) -> dict[str, Any]:
    family = estimator.partition("(")[0]
    names = {"problem_name": problem.partition("(")[0], "estimator_name": family, "reason": "", "status": "ok"}
    labels = {"problem": problem, "estimator": estimator, "family": family, "device": "cpu", "dtype": "float32"}
    measured: dict[str, Any] = {"relative_rmse": value, "work": work, "cost_matvec": work, "truth_norm": 10.0}
    if value is not None:
        measured |= {"relative_rmse_low": 0.9 * value, "relative_rmse_high": 1.1 * value, "variance": 100 * value**2}
        measured |= {"relative_bias": 0.1 * value, "relative_bias_low": 0.0, "relative_bias_high": 0.2 * value}
    return {**names, **labels, **measured, **more}


def results(*rows: dict[str, Any], plots: list[dict[str, Any]], directory: Path = Path()) -> Results:
    return Results(directory, {"plots": plots}, list(rows))


def curve() -> list[dict[str, Any]]:
    return [row(f"hutchinson(probes={k})", 1 / math.sqrt(k), k) for k in (1, 10, 100)]


def test_one_panel_per_problem_and_one_line_per_family_in_order_of_x() -> None:
    rows = [*reversed(curve()), row("xtrace", 0.05, 10), row("xtrace", 0.5, 10, "field")]
    figure = next(pictures(results(*rows, plots=[ERROR_COST]))).draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["matrix\ndim=4", "field"]
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert list(lines[0].get_xdata()) == [1, 10, 100]
    assert list(lines[0].get_ydata()) == pytest.approx([1, 0.3162, 0.1], rel=1e-3)
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["hutchinson", "xtrace"]


def test_band_is_the_confidence_interval() -> None:
    figure = next(pictures(results(*curve(), plots=[ERROR_COST]))).draw()
    (path,) = figure.axes[0].collections[0].get_paths()
    assert path.vertices[:, 1].min() == pytest.approx(0.09)
    assert path.vertices[:, 1].max() == pytest.approx(1.1)


def test_rounding_level_does_not_stretch_the_axis() -> None:
    rows = [*curve(), row("exact", 1e-16, 1000, stopped="deterministic")]
    figure = next(pictures(results(*rows, plots=[ERROR_COST]))).draw()
    low, high = figure.axes[0].get_ylim()
    assert 0.01 < low < 0.1
    assert high < 2
    triangles = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert [list(line.get_xdata()) for line in triangles] == [[1000]]
    assert "at rounding level" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_pareto_front_is_drawn_as_steps_for_errors_against_their_cost() -> None:
    def cell(estimator: str, mse: float, work: float, **more: Any) -> dict[str, Any]:
        bounds = {"mse": mse, "mse_low": 0.8 * mse, "mse_high": 1.25 * mse}
        return row(estimator, mse**0.5, work, task="trace", **bounds, **more)

    rows = [cell("a(k=1)", 1.0, 1), cell("a(k=2)", 0.25, 4), cell("b", 2.0, 2), cell("c", 0.26, 4)]
    rows += [cell("exact", 0.0, 9, stopped="deterministic", rounding=1e-6, rmse=0.0)]
    picture = next(pictures(results(*rows, plots=[ERROR_COST])))
    figure = picture.draw()
    (steps,) = (line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post")
    assert list(steps.get_xdata()) == [1, 4, 4, 9]  # c is behind by less than noise
    assert list(steps.get_ydata()) == pytest.approx([1.0, 0.5, 0.5, 0.125])  # the last at the floor
    assert "Pareto front" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "the column front_work" in picture.caption
    for other in ({**ERROR_COST, "y": "relative_bias"}, {**ERROR_COST, "x": "cost_matvec"}, BIAS):
        picture = next(pictures(results(*rows, plots=[other])))
        assert "Pareto" not in picture.caption
        assert "Pareto front" not in [text.get_text() for text in picture.draw().legends[0].get_texts()]


def test_floor_of() -> None:
    def floor(values: list[float], flat: list[bool]) -> float:
        return floor_of(pd.Series(values), pd.Series(flat))

    assert floor([1.0, 0.1, 1e-9], [False, False, True]) == pytest.approx(0.025)
    assert floor([1.0, 0.1, 0.05], [False, False, True]) == 0.0  # close enough to show
    assert floor([1.0, 1e-9], [False, False]) == 0.0  # an honest small error is shown
    assert floor([1.0, 0.0], [False, False]) == 0.25
    assert floor([1e-9, 2e-9], [True, True]) == 0.0
    assert floor([0.0], [True]) == 1.0


def test_looks_are_stable_distinct_and_shared_by_all_plots() -> None:
    rows = [row(f"e{index}", 1.0 + index, 1) for index in range(30)]
    run = results(*rows, plots=[])
    looks = looks_of(run.frame)
    assert len({(look.colour, look.marker) for look in looks.values()}) == 30
    assert looks["e0"].colour == COLOURS[0]
    assert looks["e1"].marker == MARKERS[1]
    kept = looks_of(pd.concat([run.frame, results(row("new", 1.0, 1), plots=[]).frame]))
    assert {family: kept[family] for family in looks} == looks
    part = results(rows[5], row("e0", 1.0, 1, status="failed"), plots=[ERROR_COST])
    colours = {line.get_color() for line in next(pictures(part)).draw().axes[0].lines}
    assert colours == {looks_of(part.frame)["e5"].colour}


def test_bias_that_may_be_zero_is_an_open_mark_at_its_upper_bound() -> None:
    rows = [
        row("biased", 0.5, 1, relative_bias=0.3, relative_bias_low=0.2, relative_bias_high=0.4),
        row("fair", 0.5, 1),
    ]
    figure = next(pictures(results(*rows, plots=[BIAS]))).draw()
    lines = [line for line in figure.axes[0].lines if line.get_marker() in ("o", "s")]
    marks = {line.get_ydata()[0]: line.get_markerfacecolor() for line in lines}
    assert marks == {0.1: "white", 0.3: COLOURS[0]}  # 0.1 is the upper bound, 0.2 × 0.5
    assert [line.get_xdata()[0] for line in lines] == pytest.approx([0.5, 0.5])  # √variance over the truth's norm


def test_scaling_shows_the_exponent_with_its_interval() -> None:
    rows = [row("exact", 0.0, 1, f"field(dim={dim})", problem_dim=dim, time=1e-6 * dim**2) for dim in (4, 16, 64)]
    figure = next(pictures(results(*rows, plots=[SCALING]))).draw()
    (axis,) = figure.axes
    assert axis.get_title(loc="left") == "field"
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["exact: k = 2.00 [2.00, 2.00]"]
    assert list(axis.get_xticks()) == [4, 16, 64]


def test_problems_that_cannot_be_drawn_are_named() -> None:
    picture = next(pictures(results(*curve(), row("a", None, 1, "zero(truth=0)"), plots=[ERROR_COST])))
    assert "not drawn: zero(truth=0)." in picture.caption
    assert len(picture.draw().axes) == 1


def test_problems_may_be_chosen_by_label_or_name() -> None:
    rows = [*curve(), row("a", 1.0, 1, "field(dim=4)"), row("a", 1.0, 1, "field(dim=8)")]
    plots = [{**ERROR_COST, "problems": ["matrix", "field(dim=8)"]}]
    figure = next(pictures(results(*rows, plots=plots))).draw()
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["matrix\ndim=4", "field\ndim=8"]


def test_one_picture_per_device_and_dtype() -> None:
    rows = [*curve(), *[{**cell, "device": "cuda:0"} for cell in curve()]]
    found = list(pictures(results(*rows, plots=[{**ERROR_COST, "name": "main"}])))
    assert [picture.name for picture in found] == ["main-cpu-float32", "main-cuda-0-float32"]
    assert found[1].title == "Error (cuda:0, float32)"


def test_plots_without_a_name_do_not_overwrite_each_other() -> None:
    plots = [ERROR_COST, {**ERROR_COST, "x": "cost_matvec"}]
    assert [picture.name for picture in pictures(results(*curve(), plots=plots))] == ["error_cost", "error_cost-2"]


def test_export_writes_svg_and_png_and_leaves_matplotlib_alone(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots = [ERROR_COST, BIAS, {**ERROR_COST, "name": "again"}]
    written = export(results(*curve(), plots=plots, directory=tmp_path))
    assert [path.name for path in written] == [
        *("error_cost.svg", "error_cost.png", "bias_variance.svg", "bias_variance.png"),
        *("again.svg", "again.png"),
    ]
    assert all(path.stat().st_size > 1000 for path in written)
    assert dict(mpl.rcParams) == before


def test_nothing_to_draw_writes_nothing(tmp_path: Path) -> None:
    plots = [ERROR_COST, BIAS, SCALING, {**ERROR_COST, "x": "time"}]
    failed = [{**cell, "status": "failed"} for cell in curve()]
    for rows in (
        [],
        failed,
        [row("a", None, 1), row("a", math.nan, 1)],
        [row("exact", 0.0, 1, stopped="deterministic")],
    ):
        assert export(results(*rows, plots=plots, directory=tmp_path)) == []
    assert not list(tmp_path.iterdir())


def test_labels_are_text_in_valid_svg_and_not_mathematics() -> None:
    name = "<script>alert(1)</script>&$x_1$"
    run = results(row(name, 1.0, 1, f"p({name})"), plots=[{**ERROR_COST, "title": name}])
    picture = next(pictures(run))
    svg = to_svg(run, picture)
    assert svg == to_svg(run, picture)
    texts = "".join(ElementTree.fromstring(svg).itertext())
    assert "<script>" in texts
    assert "$x_1$" in texts
    assert "<script" not in svg


def test_panels_keep_bounds_and_leave_out_what_has_no_place() -> None:
    rows = [row("a", 1.0, 2), row("b", None, 1), row("c", 1.0, 0), row("d", math.inf, 1), row("e", -1.0, 1)]
    panels = panels_of(results(*rows, plots=[]).frame, "work", "relative_rmse")
    assert list(panels["matrix(dim=4)"]["family"]) == ["a", "c"]
    assert panels["matrix(dim=4)"]["y_high"].tolist() == pytest.approx([1.1, 1.1])
    assert panels_of(results(*rows, plots=[]).frame, "work", "unknown") == {}


@pytest.mark.parametrize(
    ("low", "high"), [(0.013, 0.9), (2.0, 9.0), (1.0, 1.4e4), (3e-7, 2e-1), (0.9, 1.1e2), (4.0, 5.5)]
)
def test_log_axes_have_at_least_two_ticks(low: float, high: float) -> None:
    ticks = [step * 10.0**power for power in range(-9, 9) for step in tick_steps(low, high)]
    assert 2 <= sum(low <= tick <= high for tick in ticks) <= 7


def test_words() -> None:
    assert tick(0.05, plain=True) == "0.05"
    assert tick(1e-4, plain=False) == "$10^{-4}$"
    assert tick(3e-4, plain=False) == r"$3\!\cdot\!10^{-4}$"
    assert wrapped("f(a=1, b=2)", 40) == "f\na=1, b=2"
    assert wrapped("f(a=1, b=2)", 4) == "f\na=1,\nb=2"
    assert wrapped("exact", 4) == "exact"


def test_a_cell_that_costs_nothing_is_a_line_across_its_panel() -> None:
    rows = [row("free", 0.3, 0), row("a", 1.0, 2)]
    picture = next(pictures(results(*rows, plots=[ERROR_COST])))
    assert "A dashed line across a panel: an estimator that spends nothing." in picture.caption
    (axis,) = picture.draw().axes
    level = next(line for line in axis.lines if line.get_linestyle() == "--")
    assert list(level.get_ydata()) == [0.3, 0.3]
    assert "A dashed line" not in next(pictures(results(row("a", 1.0, 2), plots=[ERROR_COST]))).caption
