"""What a verdict matrix draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_rgb

from estibench.exports.plots import export, pictures
from estibench.exports.verdict_plot import SIGNS
from estibench.results import Results


def row(estimator: str, p_value: float, power: float = 1.0, problem: str = "p") -> dict[str, Any]:
    """A cell with one claim; its verdict follows from its p-value and its power."""
    shift = float("inf") if power == 1 else 0.0
    claim = {"claim": "unbiased", "p_value": p_value, "noncentrality": shift, "numerator": 1.0, "denominator": 50.0}
    names = {"task": "trace", "problem": problem, "problem_name": problem, "estimator": estimator}
    where = {"status": "ok", "device": "cpu", "dtype": "float32", "family": estimator.partition("(")[0]}
    return {**names, **where, "claims": [claim]}


def results(*rows: dict[str, Any], directory: Path = Path(), **plot: Any) -> Results:
    return Results(directory, {"plots": [{"kind": "verdicts", **plot}]}, list(rows))


def test_counts_signs_and_the_colour_of_the_worst() -> None:
    rows = [row("good", 0.5), row("good", 0.6, problem="q"), row("bad", 1e-9), row("bad", 0.9, problem="q")]
    rows += [row("dim", 0.5, power=0.0)]
    figure = next(pictures(results(*rows))).draw()
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["✓ 2", "✗ 1\n✓ 1", "? 1"]
    colours = [patch.get_facecolor()[:3] for patch in axis.patches]
    assert colours == [pytest.approx(to_rgb(SIGNS[verdict][1])) for verdict in ("supported", "refuted", "undecided")]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["good", "bad", "dim"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["unbiased"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["✓ supported", "? undecided", "✗ refuted"]


def test_rows_may_be_estimators_and_all_labels_lie_inside() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    rows = [row(f"an_estimator_with_a_name(and_parameters={at})", 0.5) for at in range(9)]
    assert len(next(pictures(results(*rows))).draw().axes[0].texts) == 1
    figure = next(pictures(results(*rows, y="estimator"))).draw()
    (axis,) = figure.axes
    assert len(axis.texts) == 9
    renderer = FigureCanvasAgg(figure).get_renderer()
    for label in [*axis.get_xticklabels(), *axis.get_yticklabels(), *axis.texts]:
        box = label.get_window_extent(renderer)
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0
        assert box.y1 <= figure.bbox.y1


def test_without_claims_nothing_is_drawn(tmp_path: Path) -> None:
    silent = {**row("a", 0.5), "claims": []}
    assert export(results(silent, directory=tmp_path)) == []
    assert export(results(directory=tmp_path)) == []
