"""What training has led to: races at equal steps and at equal time."""

import json

import pytest

from estibench.analysis.training import of_training, races
from estibench.exports.answer import answer_lines
from estibench.exports.summary import summary_tables
from estibench.results import Results


def row(estimator, end, half, time, problem="p", **more):
    """A run of 100 steps whose excess falls from 1 at 0 and from `end + 1` at 10 to `end`."""
    error = [end + 2, end + 1, end]
    curve = {"axis": "step", "x": [0.0, 10.0, 100.0], "error": error}
    curve |= {"low": [e - half for e in error], "high": [e + half for e in error]}
    names = {"problem": problem, "estimator": estimator, "family": estimator, "problem_name": "p", "task": "t_fit"}
    where = {"device": "cpu", "dtype": "float32", "status": "ok", "reason": "", "claims": []}
    return {**names, **where, "work": 5.0, "time": time, "mse": end**2, "draws": 8, "curve": curve, **more}


def run(tmp_path, *rows):
    return Results(tmp_path, {}, list(rows))


def test_at_equal_time_a_quick_method_may_win_what_it_loses_at_equal_steps(tmp_path):
    """The dear one takes ten times as long: when the quick one has ended it is at step 10, at 1.2 + ... = 2.1."""
    frame = run(tmp_path, row("quick", 2.0, 0.01, 1.0), row("dear", 1.1, 0.01, 10.0)).frame
    steps, time = (next(races(frame, by, 0.95)) for by in ("steps", "time"))
    assert [one.row["estimator"] for one in steps.standings] == ["dear", "quick"]
    assert [(one.row["estimator"], pytest.approx(one.excess)) for one in time.standings] == [
        ("quick", 2.0),
        ("dear", 2.1),
    ]
    assert (steps.at, time.at) == (100.0, 1.0)
    assert not steps.open


def test_between_checkpoints_a_curve_is_straight(tmp_path):
    """At half its time a run is at step 50: 4/9 of the way from step 10 to 100."""
    frame = run(tmp_path, row("slow", 1.0, 0.0, 2.0), row("quick", 5.0, 0.0, 1.0)).frame
    assert next(races(frame, "time", 0.95)).winner.excess == pytest.approx(2 - 4 / 9)


@pytest.mark.parametrize(("gap", "told"), [(0.13, False), (0.16, True)])
def test_welch_by_the_intervals_with_bonferroni(tmp_path, gap, told):
    """Half-widths of 0.1 make 0.141; one rival needs no correction."""
    frame = run(tmp_path, row("a", 1.0, 0.1, 1.0), row("b", 1.0 + gap, 0.1, 1.0)).frame
    assert bool(next(races(frame, "steps", 0.95)).open) != told
    three = run(tmp_path, row("a", 1.0, 0.1, 1.0), row("b", 1.0 + gap, 0.1, 1.0), row("c", 9.0, 0.1, 1.0)).frame
    assert next(races(three, "steps", 0.95)).open  # 0.141 · 2.24/1.96 = 0.162


def test_the_answer_and_the_table_say_who_where_and_by_how_much(tmp_path):
    judged = {"error_sliced_wasserstein": 0.6, "reading_floor_sliced_wasserstein": 0.2}
    results = run(
        tmp_path,
        row("exact", 0.5, 0.0, 4.0),
        row("a", 1.0, 0.1, 2.0, **judged),
        row("b", 3.0, 0.1, 2.0),
    )
    texts = [line.text for line in answer_lines(results)]
    assert texts[1:] == ["t_fit, 1 problem: at equal steps, a is best on p: 1, the next 3; exact gradients 0.5"]
    (table,) = [table for table in summary_tables(results) if table.title == "Where training has led (t_fit)"]
    lines = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [line["estimator"] for line in lines] == ["exact", "a", "b"]
    assert lines[1]["excess"] == "1 [0.9, 1.1]"
    assert [line["samples ×"] for line in lines] == ["", "3", ""]


def test_a_density_along_time_is_no_training(tmp_path):
    rows = [row("a", 1.0, 0.1, 1.0)]
    assert of_training(run(tmp_path, *rows).frame)
    rows[0]["curve"]["axis"] = "time"
    assert not of_training(run(tmp_path, *rows).frame)


def test_recommend_says_whose_models_are_best_and_refuses_a_budget(tmp_path, bench, monkeypatch):
    """One run of fits: sentences, a table and its JSON; a budget has nothing to average."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(
        "name: s\ndraws: {min: 4, max: 4}\ntiming: {rounds: 0}\n"
        "problems: [{name: bernoulli_fit, steps: 20}]\nestimators: [reinforce, straight_through]\n"
    )
    assert bench("run", "s.yaml", "--output", "out", "--engine", "serial").code == 0
    said = bench("recommend", "discrete_fit", "--run", "out")
    assert said.code == 0
    assert said.out.startswith("At equal steps, ")
    (race,) = json.loads(bench("recommend", "discrete_fit", "--run", "out", "--json").out)
    assert {one["estimator"] for one in race["standings"]} == {"reinforce", "straight_through"}
    refused = bench("recommend", "discrete_fit", "--run", "out", "--budget", "9")
    assert refused.code == 2
    assert "which nobody averages" in refused.err
