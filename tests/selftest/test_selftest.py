"""The self-test passes for the harness as it is and fails for one that is broken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import estibench
from estibench.cli import bench
from estibench.errors import UserError
from estibench.measure import means, sampling, statistics
from estibench.measure.intervals import Interval
from estibench.selftest import clock, repeat
from estibench.selftest import run as selftest_run
from estibench.selftest.lines import UNJUDGED, Line, share
from estibench.suite import read_suite
from estibench.suite.lookup import find_suite

REPETITIONS = 10


@pytest.fixture
def plan(host):
    """The suite on its problem with one component, which is enough to see a broken harness."""
    whole = read_suite(find_suite("selftest"), host)
    return replace(whole, blocks=whole.blocks[:1])


def lines(plan, repetitions=REPETITIONS):
    return repeat.lines(repeat.repeat(plan, repetitions, jobs=1, plugins=()))


def only(plan, *names):
    """The plan with the estimators of these names; the first one is still the baseline."""
    (block,) = plan.blocks
    some = tuple(one for one in block.estimators if one.name in names)
    return replace(plan, blocks=(replace(block, estimators=some, baseline=some.index(block.estimators[0])),))


def failed(found):
    return {line.check for line in found if line.verdict == "fail"}


def test_the_harness_passes(plan):
    """Of some 150 lines over 10 repetitions with fixed seeds none fails."""
    found = lines(plan)
    assert failed(found) == set()
    checks = {"coverage", "false refutation", "false rejection at 5 %", "power", "an interval is given"}
    assert {line.check for line in found} == checks
    quantities = {line.subject.partition(",")[0] for line in found if line.check == "coverage"}
    assert {"mse", "variance", "bias", "coverage", "zeros_fraction", "not_finite_fraction", "mse_ratio"} <= quantities


@pytest.mark.nightly
def test_intervals_that_are_too_short_fail(plan, monkeypatch):
    honest = means.mean_bounds
    monkeypatch.setattr(means, "mean_bounds", lambda y, tail, positive=False: honest(y, 10 * tail, positive))
    assert "coverage" in failed(lines(plan, 10))


@pytest.mark.nightly
def test_a_test_that_cannot_refute_fails(plan, monkeypatch):
    from estibench.measure import claims

    monkeypatch.setattr(claims, "unbiasedness_p_value", lambda m, tolerance: 0.5)
    assert "power" in failed(lines(plan, 10))


def test_a_test_that_refutes_too_often_fails(plan, monkeypatch):
    from estibench.measure import claims

    honest = statistics.variance_p_value
    monkeypatch.setattr(claims, "variance_p_value", lambda m, claimed: honest(m, 1.3 * claimed))
    assert {"false refutation", "false rejection at 5 %"} <= failed(lines(only(plan, "additive"), 10))


def test_rare_events_that_are_taken_for_seen_fail(plan, monkeypatch):
    """As before: equal draws and a handful of others refute, and have intervals."""
    monkeypatch.setattr(statistics, "unseen", lambda draws, truth, rounding: None)
    monkeypatch.setattr(statistics, "barely_seen", lambda series: False)
    found = lines(only(plan, "additive", "rare"), 10)
    assert {"false refutation", "false rejection at 5 %"} <= failed(found)


def test_numbers_do_not_depend_on_the_order(plan, monkeypatch):
    assert repeat.deterministic(plan).verdict == "pass"
    calls = iter(range(10**9))
    monkeypatch.setattr(sampling, "chunk_seed", lambda seed, key, chunk: next(calls))
    assert repeat.deterministic(plan).verdict == "fail"


def test_a_suite_of_unknown_estimators_is_refused(host):
    with pytest.raises(UserError, match="needs estimators of the kind `Known`"):
        next(repeat.repeat(read_suite(find_suite("trace"), host), 2, 1, ()))


def test_a_line_fails_when_its_interval_misses_the_goal():
    line = Line("check", "subject", Interval(0.9, 0.88, 0.92), (0.93, 0.97), "over")
    assert line.verdict == "fail"
    assert line.row["status"] == "failed"
    assert line.row["reason"] == "check of subject: 90 [88, 92] %, goal 93–97 %"
    assert replace(line, found=Interval(0.92, 0.9, 0.94)).verdict == "pass"
    assert replace(line, goal=UNJUDGED).verdict == "shown"
    assert share("check", "subject", 3, 100, (float("-inf"), 0.05), "").wanted == "≤ 5 %"


def test_equal_calls_are_compared_and_a_biased_clock_is_found(monkeypatch):
    """No time is asserted: the clock is replaced by one that makes whatever is timed second 20 % slower."""
    found = {line.subject: line for line in clock.equal_calls(10)}
    assert all(0 <= line.found.value <= 1 for line in found.values())
    honest = clock.time_block

    def biased(calls, *arguments):
        watches = honest(calls, *arguments)
        watches[1].wall = [1.2 * wall for wall in watches[0].wall]
        return watches

    monkeypatch.setattr(clock, "time_block", biased)
    assert {line.verdict for line in clock.equal_calls(10)} == {"fail"}


def test_bare_loop_and_overhead_report_a_number(plan, monkeypatch):
    monkeypatch.setattr(clock, "PASSES", 2)
    found = [*clock.bare_loop(), clock.overhead(plan)]
    assert len(found) == len(clock.SIZES) + 2
    assert all(line.found.value > 0 for line in found)


def test_the_command_writes_a_table_like_any_run(plan, tmp_path, monkeypatch):
    """The exit code is not asserted: with so few repetitions on a busy machine a line may fail."""
    honest = selftest_run.run
    monkeypatch.setattr(selftest_run, "run", lambda host, whole, *rest: honest(host, plan, *rest))
    monkeypatch.setattr("estibench.selftest.run.QUICK", replace_size(2, 2))
    monkeypatch.setattr(clock, "PASSES", 2)
    place = tmp_path / "run"
    result = CliRunner().invoke(bench, ["selftest", "--quick", "--jobs", "1", "-o", str(place)])
    assert result.exit_code in (0, 1), result.output
    assert "pass   coverage: mse, normal: " in result.output
    frame = estibench.load(place).frame
    assert {"check", "subject", "value", "value_low", "value_high", "verdict", "goal_low", "goal_high"} <= {*frame}
    assert result.output.count("\npass") + result.output.count("\nfail") + result.output.count("\nshown") + 1 >= len(
        frame
    )
    assert (place / "table.parquet").exists()
    assert (place / "tables" / "selftest.md").read_text().startswith("| verdict | check | of | found | goal | over |")
    assert json.loads((place / "run.json").read_text())["repetitions"] == 2


def replace_size(repetitions, comparisons):
    from estibench.selftest.run import Size

    return Size(repetitions, comparisons)


def test_workers_measure_what_this_process_measures(plan):
    few = only(plan, "additive")
    apart = list(repeat.repeat(few, 2, jobs=2, plugins=()))
    assert apart == list(repeat.repeat(few, 2, jobs=1, plugins=()))


def test_the_suite_ships_with_the_package():
    assert Path(find_suite("selftest")).name == "selftest.yaml"
