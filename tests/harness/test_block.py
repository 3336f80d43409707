"""`measure_block` on estimators that are right or wrong in known ways."""

from pathlib import Path

import pytest
import torch

from estibench import host as plugin_host
from estibench.analysis.verdicts import judge
from estibench.host.components import make
from estibench.measure import measure_block
from estibench.measure.metrics import finiteness
from estibench.suite import Block, Settings

PLUGINS = Path(__file__).parent / "plugins"
SETTINGS = Settings(max_draws=2048, rounds=0)


@pytest.fixture(scope="module", autouse=True)
def faulty_host():
    yield plugin_host.start([str(PLUGINS / "faulty.py"), str(PLUGINS / "faulty_problem.py")])
    plugin_host.start()


@pytest.fixture
def measure(faulty_host):
    """Rows by label of a block; the problem is a small matrix unless told otherwise."""

    def measure(*estimators, problem=("matrix", {"dim": 16}), settings=SETTINGS, dtype="float64", device="cpu"):
        components = [make(faulty_host, "estimator", name, parameters) for name, parameters in estimators]
        block = Block(
            make(faulty_host, "problem", *problem), "trace", device, dtype, tuple(components), 0 if components else None
        )
        rows = dict(zip((one.label for one in components), measure_block(block, settings), strict=True))
        judge(list(rows.values()))
        return rows

    return measure


def verdicts(row):
    return {claim["claim"]: claim["verdict"] for claim in row["claims"]}


def test_a_known_normal_estimator(measure):
    row = measure(("normal", {"shift": 0.5, "scale": 2.0}))["normal(shift=0.5, scale=2)"]
    assert row["status"] == "ok"
    assert row["bias_low"] <= 0.5 <= row["bias_high"]
    assert row["variance_low"] <= 4 <= row["variance_high"]
    assert row["mean_error"] == pytest.approx(row["bias"])
    assert row["rmse"] ** 2 == pytest.approx(row["mse"])
    assert row["relative_rmse"] == pytest.approx(row["rmse"] / row["truth_norm"])
    assert row["stopped"] == "precision"
    assert (row["rmse_high"] - row["rmse_low"]) / (2 * row["rmse"]) <= SETTINGS.precision
    assert verdicts(row) == {"unbiased": "refuted", "variance = scale²": "supported"}


def test_claims_of_wrong_estimators_are_refuted_and_of_right_ones_supported(measure):
    rows = measure(
        ("normal", {}),
        ("dividesbym", {}),
        ("forgetsaverage", {}),
        ("wrongexact", {}),
        ("hutchinson", {"noise": "gaussian"}),
        ("exact", {}),
    )
    assert verdicts(rows["normal"]) == {"unbiased": "supported", "variance = scale²": "supported"}
    assert verdicts(rows["dividesbym"]) == {"unbiased": "refuted"}
    assert verdicts(rows["forgetsaverage"]) == {"unbiased": "refuted"}
    assert verdicts(rows["wrongexact"]) == {"exact": "refuted", "cost in matvec": "refuted"}
    assert set(verdicts(rows["hutchinson(noise=gaussian)"]).values()) == {"supported"}
    assert set(verdicts(rows["exact"]).values()) == {"supported"}


def test_every_outcome_has_a_row_and_its_reason(measure):
    names = ["raises", "wrongshape", "wrongdtype", "sometimesnan", "never", "normal"]
    rows = measure(*((name, {}) for name in names))
    assert {name: rows[name]["status"] for name in names} == {
        "raises": "failed",
        "wrongshape": "failed",
        "wrongdtype": "failed",
        "sometimesnan": "not_finite",
        "never": "unsupported",
        "normal": "ok",
    }
    assert rows["raises"]["reason"] == "RuntimeError: it broke"
    assert rows["wrongshape"]["reason"] == "the estimate has shape (2,), expected (1,)"
    assert rows["wrongdtype"]["reason"] == "the estimate has dtype torch.int64, expected torch.float64"
    assert rows["never"]["reason"] == "needs a problem of another kind"
    assert "draws are not finite" in rows["sometimesnan"]["reason"]
    assert rows["sometimesnan"]["not_finite_fraction_low"] < 0.25 < rows["sometimesnan"]["not_finite_fraction_high"]


def test_draws_that_are_too_large_for_their_moments_are_told_apart_from_infinite_ones():
    """(1e155)² overflows, which once failed the cell with an OverflowError."""
    large = finiteness(torch.full((4, 1), 1e155, dtype=torch.float64), 0.95)
    assert (large["status"], large["not_finite_fraction"]) == ("not_finite", 1.0)
    assert large["reason"] == "4 of 4 draws are beyond 1e+70: their fourth powers are not finite"
    assert "status" not in finiteness(torch.full((4, 1), 1e69, dtype=torch.float64), 0.95)


def test_a_bad_neighbour_changes_no_number(measure):
    alone = measure(("normal", {}))["normal"]
    among = measure(("normal", {}), ("raises", {}), ("sometimesnan", {}), ("loop", {}))["normal"]
    differ = {"time_first", "draw_time", "claims"}  # the correction of claims depends on how many there are
    assert {k: v for k, v in alone.items() if k not in differ} == {k: v for k, v in among.items() if k not in differ}
    assert [claim["p_value"] for claim in alone["claims"]] == [claim["p_value"] for claim in among["claims"]]


@pytest.mark.parametrize("name", ["endless", "failing"])
def test_a_problem_without_a_truth(measure, name):
    row = measure(("normal", {}), problem=(name, {"dim": 4}))["normal"]
    if name == "endless":
        assert row["status"] == "bad_problem"
        assert row["reason"] == "the problem's truth is not finite in 1 of 1 components"
    else:
        assert (row["status"], row["reason"]) == ("bad_problem", "the problem's truth: ZeroDivisionError: no truth")


def test_draw_paths_are_recorded_and_give_the_same_distribution(measure):
    rows = measure(("normal", {}), ("loop", {}), ("owndraws", {}))
    assert {name: row["draw_path"] for name, row in rows.items()} == {
        "normal": "vmap",
        "loop": "loop",
        "owndraws": "draws",
    }
    assert rows["loop"]["draw_fallback"]
    assert rows["normal"]["mse"] == rows["owndraws"]["mse"], "common random numbers: the same draws"
    for row in rows.values():
        assert row["mse_low"] <= 1 <= row["mse_high"]


def test_error_bars_are_scored(measure):
    rows = measure(("errorbar", {}), ("errorbar", {"factor": 0.5}))
    assert rows["errorbar"]["coverage_low"] <= 0.95 <= rows["errorbar"]["coverage_high"]
    half = rows["errorbar(factor=0.5)"]
    assert half["coverage_low"] <= 0.673 <= half["coverage_high"], "P(|z| < 0.98)"


def test_one_probe_has_no_error_bar_to_score(measure):
    rows = measure(("hutchinson", {"probes": 1}), ("hutchinson", {"probes": 2}))
    assert "coverage" not in rows["hutchinson(probes=1)"]
    assert "coverage" in rows["hutchinson(probes=2)"]


def test_the_same_seed_gives_the_same_numbers_whatever_the_order(measure):
    first = measure(("hutchinson", {}), ("normal", {}))
    second = measure(("normal", {}), ("hutchinson", {}))
    assert first["hutchinson"]["mse"] == second["hutchinson"]["mse"]
    other = measure(("hutchinson", {}), settings=Settings(seed=1, max_draws=2048, rounds=0))
    assert first["hutchinson"]["mse"] != other["hutchinson"]["mse"]


def test_drawing_stops_for_the_stated_reason(measure):
    assert measure(("exact", {}))["exact"]["stopped"] == "deterministic"
    few = Settings(precision=1e-6, min_draws=4, max_draws=100, rounds=0)
    row = measure(("normal", {}), settings=few)["normal"]
    assert (row["stopped"], row["draws"]) == ("max_draws", 100)
    slow = Settings(precision=1e-6, max_draws=10_000_000, time_limit=0.01, rounds=0)
    row = measure(("loop", {}), settings=slow)["loop"]
    assert row["stopped"] == "time_limit"
    skew = ("structured_matrix", {"structure": "skew", "dim": 8})
    assert measure(("hutchinson", {}), problem=skew)["hutchinson"]["stopped"] == "rounding"


def test_the_first_call_does_not_pay_for_the_problems_data(monkeypatch, measure):
    from estibench_trace.matrix import Matrix

    made = []
    monkeypatch.setattr(Matrix, "prepare", lambda self: made.append(self.dtype))
    measure(("normal", {}), ("loop", {}), dtype="float32")
    assert made == ["float32"]


def test_times_are_paired_with_the_baseline(measure):
    settings = Settings(max_draws=128, rounds=7)
    rows = measure(("normal", {}), ("loop", {}), ("raises", {}), settings=settings)
    assert rows["normal"]["time_ratio"] == 1
    assert rows["loop"]["time_rounds"] == 7
    assert rows["loop"]["time_low"] <= rows["loop"]["time"] <= rows["loop"]["time_high"]
    assert rows["loop"]["baseline"] == "normal"
    assert "time" not in rows["raises"]


def test_a_failure_while_timing_costs_only_its_cell(measure):
    settings = Settings(min_draws=16, max_draws=16, rounds=7)
    rows = measure(("failslater", {}), ("normal", {}), settings=settings)
    assert rows["failslater"]["status"] == "failed"
    assert rows["failslater"]["reason"] == "while timed: RuntimeError: no longer"
    assert rows["failslater"]["rmse"] > 0, "what was measured is kept"
    assert rows["normal"]["time_rounds"] == 7
    assert "time_ratio" not in rows["normal"], "the baseline failed"


def test_a_claim_that_is_not_a_number_is_refuted(measure):
    assert verdicts(measure(("undefinedvariance", {}))["undefinedvariance"]) == {"variance = nan": "refuted"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="tests the absence of CUDA")
def test_a_missing_device_is_an_unsupported_row(measure):
    row = measure(("normal", {}), device="cuda")["normal"]
    assert (row["status"], row["reason"]) == ("unsupported", "cuda: no CUDA device on this machine")
