"""The tables of docs/libraries.md, from a run that is made up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from estibench import UserError
from estibench_peers.hooks import TABLE
from estibench_peers.page import TABLES, fill, rows_of
from estibench_peers.twins import TWINS

PAGE = "before\n" + "".join(f"<!-- peers:{name} -->\nold\n<!-- /peers:{name} -->\nbetween\n" for name in TABLES)
ROOT = Path(__file__).parents[2]
NAMES = {name for name, *_ in TABLE}


def cell(estimator: str, rmse: float, time_ratio: float, claims=(), status="ok", problem="matrix", **parameters):
    name = estimator.partition("(")[0]
    return {
        **{"task": "trace", "problem": problem, "device": "cpu", "dtype": "float64", "status": status},
        **{
            "estimator": estimator,
            "estimator_name": name,
            "rmse": rmse,
            "relative_rmse": rmse,
            "time_ratio": time_ratio,
        },
        **{"claims": list(claims), "scaling_claims": []},
        **{f"estimator_{key}": value for key, value in parameters.items()},
    }


def claim(verdict: str, measured: float = 1.0) -> dict:
    return {"claim": "unbiased", "verdict": verdict, "measured": measured, "claimed": 0.0}


@pytest.fixture
def run():
    """Hutchinson of curvlinops at 12 probes, beside ours at 12 and at 48, on two problems; and one row unsupported."""
    peer, noise = "curvlinops_hutchinson(num_matvecs=12)", {"distribution": "rademacher", "num_matvecs": 12}
    cells = [
        cell("hutchinson(probes=48)", 0.1, 4.0, probes=48, noise="rademacher"),
        cell("hutchinson(probes=12)", 0.2, 1.0, probes=12, noise="rademacher"),
        cell(peer, 0.2, 0.8, [claim("supported")], **noise),
        cell("hutchinson(probes=12)", 0.2, 1.0, probes=12, noise="rademacher", problem="skew"),
        cell(peer, 0.6, 3.0, [claim("refuted")], problem="skew", **noise),
        cell("skerch_hutch", float("nan"), float("nan"), status="unsupported", num_meas=12) | {"claims": float("nan")},
    ]
    return SimpleNamespace(
        frame=pd.DataFrame(cells), about={"distributions": {"curvlinops_for_pytorch": "3.0.1", "skerch": "1.2.0"}}
    )


def table(run, name: str) -> list[list[str]]:
    return list(TABLES[name](rows_of(run)))[1:]


def test_a_twin_has_the_same_budget_and_the_same_problem(run):
    assert [row.twin.get("estimator") for row in rows_of(run)] == ["hutchinson(probes=12)"] * 3
    assert [row.time for row in rows_of(run)] == [pytest.approx(0.8), pytest.approx(3.0), None]
    assert [row.error for row in rows_of(run)] == [pytest.approx(1.0), pytest.approx(3.0), None]


def test_libraries_have_their_version_and_their_verdicts(run):
    first, second = table(run, "libraries")
    assert first == ["curvlinops-for-pytorch", "3.0.1", "`trace`", "2", "1", "1", "0", ""]
    assert second == ["skerch", "1.2.0", "`trace`", "0", "0", "0", "0", "1 unsupported"]


def test_an_estimator_is_put_beside_its_twin(run):
    (only,) = table(run, "estimators")
    assert only[0] == "`curvlinops_hutchinson(num_matvecs=12)`"
    assert only[2:] == ["`hutchinson(probes=12)`", "1", "1", "0", "2.00 (1.00 to 3.00)", "1.90 (0.80 to 3.00)"]


def test_a_refuted_claim_says_where_and_by_how_much(run):
    (only,) = table(run, "refuted")
    assert only[1:] == ["unbiased", "`skew`", "1", "0"]


@pytest.fixture
def right(run):
    """That run, had nothing been refuted."""
    run.frame["claims"] = [
        [claim("supported")] if isinstance(claims, list) and claims else claims for claims in run.frame["claims"]
    ]
    return run


def test_only_faster_at_equal_error_is_ahead(right):
    (only,) = table(right, "ahead")
    assert only[2:] == ["`matrix`", "float64", "1.00", "0.80", "0.80"]


def test_what_is_wrong_somewhere_is_ahead_nowhere(run):
    assert table(run, "ahead") == []


def test_what_is_deterministic_gains_nothing_from_more_draws(right):
    peers = right.frame["estimator_name"] == "curvlinops_hutchinson"
    same = [claim("supported") | {"claim": "deterministic"}]
    right.frame["claims"] = [
        same if peer else claims for peer, claims in zip(peers, right.frame["claims"], strict=True)
    ]
    assert [line[2] for line in table(right, "ahead")] == ["`matrix`"]
    right.frame.loc[peers, "rmse"] *= 1.01
    assert table(right, "ahead") == []


def test_what_is_exact_beside_a_noisy_twin_is_no_faster_way_of_the_same(right):
    peers = right.frame["estimator_name"] == "curvlinops_hutchinson"
    right.frame.loc[peers, ["rmse", "relative_rmse"]] = 1e-9
    assert table(right, "ahead") == []


def test_what_may_be_noise_is_not_ahead(right):
    peers = right.frame["estimator_name"] == "curvlinops_hutchinson"
    right.frame["time_ratio_high"] = right.frame["time_ratio"] * peers.map({True: 1.3, False: 1.0})
    assert table(right, "ahead") == []


def test_errors_count_as_the_draws_that_they_cost(run):
    row = rows_of(run)[1]
    assert row.time_at_equal_error() == pytest.approx(3.0 * 3.0**2)


def test_a_page_keeps_what_is_not_its_tables(run):
    page = fill(PAGE, rows_of(run))
    assert page.startswith("before\n")
    assert page.count("between\n") == len(TABLES)
    assert "old" not in page
    assert fill(page, rows_of(run)) == page
    with pytest.raises(UserError, match="no place for a table"):
        fill("nothing", rows_of(run))


def test_every_peer_with_a_twin_is_registered_and_the_twin_too(host):
    assert TWINS.keys() <= NAMES
    for name, choose in TWINS.items():
        twin, given = choose(defaults(host, name))
        assert given.keys() <= defaults(host, twin).keys()


def defaults(host, name: str) -> dict:
    return dict(vars(host.estimators.get(name).load()()))


def test_every_table_has_a_place_in_the_readme_or_on_the_page():
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/libraries.md")]
    for name in TABLES:
        assert [f"<!-- peers:{name} -->" in text for text in pages].count(True) == 1
        assert [f"<!-- /peers:{name} -->" in text for text in pages].count(True) == 1


def test_the_summary_names_who_has_a_refuted_claim_and_everybody_else_in_one_line(run):
    (*wrong, right) = table(run, "summary")
    assert all(int(line[2]) > 0 for line in wrong)
    assert int(right[2]) == 0
    assert sum(int(line[1]) for line in (*wrong, right)) == sum(int(line[4]) for line in table(run, "libraries"))
