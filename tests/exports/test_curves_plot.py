"""Plots of curves: one line per estimator against steps or time, and what cannot be drawn is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from estibench.exports.plots import pictures
from estibench.results import Results

STEPS = [0.0, 10.0, 100.0]


def row(estimator: str, error: list[float], problem: str = "toy", **more: Any) -> dict[str, Any]:
    family = estimator.partition("(")[0]
    labels = {"problem": problem, "estimator": estimator, "family": family, "device": "cpu", "dtype": "float64"}
    low, high = ([factor * value for value in error] for factor in (0.5, 2.0))
    curve = {"axis": "step", "x": STEPS, "error": error, "low": low, "high": high}
    return {**labels, "status": "ok", "problem_name": problem, "estimator_name": family, "curve": curve, **more}


def figures(*rows: dict[str, Any], **plot: Any) -> list[Any]:
    return [picture.draw() for picture in pictures(Results(Path(), {"plots": [{"kind": "curves", **plot}]}, [*rows]))]


def test_one_line_per_estimator_and_members_of_a_family_differ_in_their_style() -> None:
    rows = [row("gumbel(tau=0.1)", [1, 0.5, 0.1]), row("gumbel(tau=1)", [1, 0.2, 0.3]), row("exact", [1, 0.1, 0.01])]
    (figure,) = figures(*rows)
    (axis,) = figure.axes
    lines = [line for line in axis.lines if len(line.get_xdata()) == 3]
    assert [list(line.get_ydata()) for line in lines] == [[1, 0.5, 0.1], [1, 0.2, 0.3], [1, 0.1, 0.01]]
    assert [list(line.get_xdata()) for line in lines] == [STEPS] * 3
    looks = [(line.get_color(), line.get_linestyle()) for line in lines]
    assert looks[0][0] == looks[1][0] != looks[2][0]
    assert looks[0][1] != looks[1][1]
    assert (axis.get_xscale(), axis.get_yscale()) == ("symlog", "log")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [one["estimator"] for one in rows]
    assert figure.get_supxlabel() == "step"


def test_against_time_the_last_step_takes_the_measured_time() -> None:
    (figure,) = figures(row("a", [1, 0.5, 0.1], time=2.0), row("untimed", [1, 0.5, 0.1]), x="time")
    (line,) = (line for line in figure.axes[0].lines if len(line.get_xdata()) == 3)
    assert list(line.get_xdata()) == pytest.approx([0.0, 0.2, 2.0])
    assert figure.get_supxlabel() == "time [s]"


def test_a_negative_error_makes_the_axis_linear_and_bands_never_leave_a_log_axis() -> None:
    (figure,) = figures(row("a", [1, 0.5, -0.1]), row("a", [1, 0.5, 0.1], problem="other"))
    assert [axis.get_yscale() for axis in figure.axes] == ["linear", "log"]
    positive = row("a", [1, 0.5, 0.1])
    positive["curve"]["low"] = [0.5, 0.1, -1.0]
    (figure,) = figures(positive)
    (band,) = figure.axes[0].collections[0].get_paths()
    assert band.vertices[:, 1].min() == pytest.approx(0.05)


def test_failed_cells_and_problems_without_a_curve_are_not_drawn() -> None:
    failed = {**row("b", [1, 1, 1]), "status": "failed"}
    flat = {name: value for name, value in row("a", [1, 1, 1], problem="flat").items() if name != "curve"}
    (figure,) = figures(row("a", [1, 0.5, 0.1]), failed, flat)
    assert len(figure.axes) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a"]
    assert figures(flat) == []
