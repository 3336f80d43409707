"""Questions of a suite: computed sentences on who is ahead, from when on, and whose error a likelihood's is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from estibench.analysis.training import course, races
from estibench.exports.answer import answer_lines
from estibench.exports.plots import pictures
from estibench.exports.questions import questions
from estibench.exports.summary import summary_tables
from estibench.results import Results

STEPS = [0.0, 1.0, 10.0, 100.0, 1000.0]


def row(estimator: str, error: list[float], half: float = 0.01, time: float = 1.0, **more: Any) -> dict[str, Any]:
    """A run of 1000 steps with intervals of one half-width."""
    low, high = ([one + side for one in error] for side in (-half, half))
    curve = {"axis": "step", "x": STEPS, "error": error, "low": low, "high": high}
    name = estimator.partition("(")[0]
    labels = {"estimator": estimator, "estimator_name": name, "family": name, "problem": "p", "problem_name": "p"}
    where = {"device": "cpu", "dtype": "float32", "task": "t_fit", "status": "ok", "reason": "", "claims": []}
    return {**labels, **where, "curve": curve, "time": time, "work": 1.0, "draws": 8, **more}


def run(*rows: dict[str, Any], **plot: Any) -> Results:
    return Results(Path(), {"plots": [{"kind": "race", "title": "Which?", **plot}]}, [*rows])


def said(*rows: dict[str, Any], **plot: Any) -> str:
    ((question, sentence),) = questions(run(*rows, **plot))
    assert question == "Which?"
    return sentence


QUIET = row("quiet", [3, 1.0, 0.6, 0.5, 0.5])
NOISY = row("noisy", [3, 2.0, 0.6, 0.2, 0.1])


def test_one_overtakes_the_other_between_two_checkpoints() -> None:
    assert said(QUIET, NOISY) == (
        "After 1000 steps noisy 0.1 [0.09, 0.11] is better than quiet 0.5 [0.49, 0.51], from step 100 on "
        "(quiet was ahead up to step 1); at equal time, 1 s, the same."
    )


def test_a_lead_that_was_lost_again_does_not_count() -> None:
    """Ahead at 1, level at 10: from 100 on. At 10 the noisy one may be first by chance, within its interval."""
    early = row("noisy", [3, 0.5, 0.595, 0.2, 0.1])
    assert "from step 100 on;" in said(QUIET, early)


def test_whoever_takes_longer_may_lose_at_equal_time() -> None:
    """Ten times as dear: when the quick one is done, it is at step 100 of its own, at 0.2 of 0.15."""
    dear, quick = row("dear", [3, 2.0, 0.6, 0.2, 0.1], time=10.0), row("quick", [3, 2, 1, 0.5, 0.15])
    assert said(quick, dear) == (
        "After 1000 steps dear 0.1 [0.09, 0.11] is better than quick 0.15 [0.14, 0.16], from step 10 on; at equal "
        "time, 1 s, quick 0.15 [0.14, 0.16] is better than dear 0.2 [0.19, 0.21], from 1 ms on."
    )


@pytest.mark.parametrize(("gap", "verdict"), [(0.013, "are not told apart"), (0.015, "is better than")])
def test_not_told_apart_is_said_at_the_size_of_welchs_test(gap: float, verdict: str) -> None:
    """Half-widths of 0.01 make 0.0141."""
    assert verdict in said(
        NOISY, row("other", [3, 2, 1, 0.3, 0.1 + gap]), row("far", [9] * 5), estimators=["noisy", "other"]
    )


def test_the_lead_along_the_way_is_corrected_for_the_number_of_looks() -> None:
    """Four looks: 0.0141 · 2.50/1.96 = 0.018. A gap of 0.016 is told apart at the end, but not along the way."""
    a, b = row("a", [3, 2, 1, 1, 0.1]), row("b", [3, 2, 1, 1, 0.116])
    race = next(races(run(a, b).frame, "steps", 0.95))
    assert not race.open
    assert course(race).ahead is None
    wider = next(races(run(a, row("b", [3, 2, 1, 1, 0.119])).frame, "steps", 0.95))
    assert course(wider).ahead == 1000


def test_runs_of_which_nothing_is_known_are_told_apart_from_none_but_those_without_randomness_are() -> None:
    """Bounds are None where draws are equal or nearly so."""
    silent = row("silent", [3, 2, 1, 1, 0.9])
    silent["curve"]["low"][-1] = silent["curve"]["high"][-1] = None
    assert "noisy 0.1 [0.09, 0.11] and silent 0.9 (no interval) are not told apart" in said(NOISY, silent)
    assert next(races(run(NOISY, silent).frame, "steps", 0.95)).plain()["standings"][1]["low"] is None
    assert "is better than silent 0.9, from" in said(NOISY, silent | {"stopped": "deterministic"})


def test_contestants_are_called_by_what_differs() -> None:
    """The exact trace has no argument of its own: its parameter says what it is."""
    common = {"estimator_solver": "midpoint"}
    rows = [
        row("cnf(solver=midpoint, steps=4)", [3, 2, 1, 1, 0.1], estimator_trace="exact", **common),
        row("cnf(solver=midpoint, steps=4, probes=1)", [3, 2, 1, 1, 0.2], estimator_trace="rademacher", **common),
        row("cnf(solver=midpoint, steps=4, probes=4)", [3, 2, 1, 1, 0.3], estimator_trace="rademacher", **common),
    ]
    assert said(*rows).startswith(
        "After 1000 steps exact 0.1 [0.09, 0.11] is better than probes=1 0.2 [0.19, 0.21] and probes=4 0.3 [0.29, 0.31]"
    )


def test_a_contestant_that_overflowed_is_told_and_one_alone_answers_nothing() -> None:
    wild = row("wild", [3] * 5, status="not_finite")
    assert said(QUIET, NOISY, wild).endswith("; wild went beyond all bounds.")
    assert not [*questions(run(QUIET, wild))]


def test_every_place_where_it_stands_has_the_same_sentence() -> None:
    results = run(QUIET, NOISY)
    sentence = said(QUIET, NOISY)
    assert f"Which? {sentence}" in [line.text for line in answer_lines(results)]
    assert summary_tables(results)[0].rows == (("Which?", sentence),)
    (picture,) = pictures(results)
    assert picture.caption.startswith(sentence)
    figure = picture.draw()
    assert [axis.get_xlabel() for axis in figure.axes] == ["step", "time [s]"]
    drawn = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(STEPS)]
    assert [list(line.get_ydata()) for line in drawn] == [QUIET["curve"]["error"], NOISY["curve"]["error"]]
    assert len({line.get_color() for line in drawn}) == 2


def stated(estimator: str, lacks: float, overstated: float, half: float = 0.01) -> dict[str, Any]:
    sides = {"reading_overstated_low": overstated - half, "reading_overstated_high": overstated + half}
    return row(estimator, [3, 2, 1, 1, lacks], reading_overstated=overstated, **sides)


def test_the_parts_of_a_likelihoods_error() -> None:
    rows = [stated("short", 0.2, 1.4), stated("long", 0.5, -0.1), stated("fair", 0.5, 0.005), row("mute", [1] * 5)]
    assert said(*rows, kind="parts") == (
        "Mostly the estimator's with short (overstates by 1.4 [1.39, 1.41], its model lacks 0.2 [0.19, 0.21]); mostly "
        "the model's with long (understates by 0.1 [0.09, 0.11], its model lacks 0.5 [0.49, 0.51]); nothing of the "
        "estimator's shows with fair."
    )
    (figure,) = (picture.draw() for picture in pictures(run(*rows, kind="parts")))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["short", "long", "fair"]
    dots = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in dots] == [0.2, 1.4, 0.5, -0.1, 0.5, 0.005]


def test_what_a_model_of_data_lacks_is_not_told() -> None:
    """Its curve is the likelihood itself, here of −50 nats: no excess over the least, which nobody knows."""
    row_of_data = stated("short", -50.0, 1.4)
    assert said(row_of_data, kind="parts") == (
        "Beside a model of which nobody knows what it lacks, with short (overstates by 1.4 [1.39, 1.41])."
    )
    (figure,) = (picture.draw() for picture in pictures(run(row_of_data, kind="parts")))
    dots = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in dots] == [1.4]
