"""The words of an answer."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from estibench.analysis.advice import Advice, Question, Source, advise
from estibench.exports.advice_text import answer, evidence_rows, limits, print_advice, to_json, unit_of

ABOUT = {"suite": "s", "started": "2026-01-02T03:04:05", "commit": "0123456789abcdef", "host": "vm"}
MACHINE = {"machine": {"processor": "AMD EPYC"}, "settings": {"threads": 1}}


def row(estimator: str, mse: float, work: float, dim: int | None = 64, kind: str = "p", **more: Any) -> dict[str, Any]:
    problem = kind if dim is None else f"{kind}(dim={dim})"
    names = {"task": "trace", "problem": problem, "estimator": estimator, "status": "ok"}
    where = {"device": "cpu", "dtype": "float32", "family": estimator.partition("(")[0], "problem_dim": dim}
    bounds = {"mse": mse, "mse_low": mse / 1.1, "mse_high": mse * 1.1, "rmse": mse**0.5, "rounding": 1e-6, "draws": 500}
    shown = {"relative_rmse": mse**0.5, "relative_rmse_low": mse**0.5 / 1.05, "relative_rmse_high": mse**0.5 * 1.05}
    spent = {"work": work, "cost_matvec": work, "time": work * 1e-3, "mse_work": mse * work}
    return {**names, **where, **bounds, **shown, **spent, **more}


def ask(*rows: dict[str, Any], **question: Any) -> tuple[Advice, list[Source]]:
    sources = [Source("results/runs/s", pd.DataFrame(rows), 0.95, {**ABOUT, **MACHINE})]
    return advise(sources, Question("trace", **question)), sources


def told(*rows: dict[str, Any], **question: Any) -> tuple[str, str]:
    advice, sources = ask(*rows, **question)
    return answer(advice, unit_of(advice, sources)), " ".join(limits(advice, sources))


EASY = [row("a(k=9)", 1.0, 9), row("b", 4.0, 8)]


def test_one_problem() -> None:
    words, bounds = told(*EASY, budget=10)
    assert words == "Use a, as a(k=9): the smallest RMSE, beyond doubt. Next: b (1.89 ×)."
    assert "Only parameters that were measured compete; each is averaged until the budget is spent." in bounds
    assert "Evidence from results/runs/s: suite s, 2026-01-02, commit 0123456789ab." in bounds
    assert "not told apart from every estimator of other kinds" in told(row("a", 1, 1), row("b", 1.01, 1), budget=10)[0]


def test_several_problems() -> None:
    words, _ = told(*EASY, row("b", 1.0, 1, kind="q"), row("c", 1.21, 1, kind="q"), budget=10)
    assert words.startswith(
        "Use b: best on 1 of 2 problems (1 of them beyond doubt); over all problems its RMSE is 1.37"
    )
    assert "Next: a (10.00 ×, no result on 1), c (10.49 ×, no result on 1)." in words


def test_nothing_within_the_budget() -> None:
    words, _ = told(*EASY, budget=2)
    assert words == "No estimator was measured that spends at most 2 matvecs."


@pytest.mark.parametrize(
    ("dim", "words"),
    [
        (64, "Measured at dimension 64."),
        (100, "Dimension 100 was not measured: the evidence is from 64, 256."),
        (512, "EXTRAPOLATED: dimension 512 lies above all that was measured, by a factor of 2."),
        (8, "EXTRAPOLATED: dimension 8 lies below all that was measured, by a factor of 8, which is far."),
    ],
)
def test_dimensions(dim: float, words: str) -> None:
    assert words in told(*EASY, *(row("a(k=9)", 1.0, 9, 256), row("b", 4.0, 8, 256)), dim=dim, budget=10)[1]


def test_contests_on_one_side_only_are_counted() -> None:
    rows = [*EASY, row("a", 1.0, 9, 200, kind="q"), row("a", 1.0, 9, 64, kind="q")]
    assert "1 of 3 contests are extrapolated: on one side of it only." in told(*rows, dim=100, budget=10)[1]


def test_bias_is_said_loudly_and_the_best_without_one_is_named() -> None:
    bias = {"bias_squared": 0.81, "bias_squared_low": 0.8, "bias_squared_high": 0.82}
    rows = [row("a", 1.0, 1, **bias, variance=0.19, variance_low=0.18, variance_high=0.2), row("b", 4.0, 1)]
    _, bounds = told(*rows, budget=1)
    assert (
        "BIASED: a has a bias on 1 of 1 problem, up to 90 % of its RMSE at this budget: averaging estimates does not "
        "remove it." in bounds
    )
    words, bounds = told(*rows)
    assert words.startswith("Use b: ")
    assert "averaging does not remove a bias" in bounds
    assert "a (below 4.7 matvecs, on 1 of 1 problem). Name yours with --budget." in bounds  # 3.81 / 0.81
    words, _ = told(rows[0])
    assert words.endswith("Ask again with --budget.")


def test_a_recommendation_whose_claims_were_refuted_says_so() -> None:
    _, bounds = told(row("a", 1.0, 1, claims_refuted=1), row("b", 4.0, 1), budget=1)
    assert "REFUTED: a claim of a was refuted on 1 of 1 problem" in bounds
    advice, _ = ask(row("a", 1.0, 1, claims_refuted=1), row("b", 4.0, 1), budget=1)
    assert evidence_rows(advice)[0][1] == "a ✗"


def test_the_best_without_a_bias_is_named() -> None:
    bias = {"bias_squared": 0.81, "bias_squared_low": 0.8, "bias_squared_high": 0.82}
    rows = [row("a", 1.0, 1, **bias, variance=0.19, variance_low=0.18, variance_high=0.2), row("b", 4.0, 1)]
    _, bounds = told(*rows, budget=1)
    assert "The best kind without a bias that shows is b: 2 × the best's error." in bounds


def test_times_name_the_machine() -> None:
    words, bounds = told(*EASY, budget=0.0090, by="time")
    assert "Times are of AMD EPYC (host vm, 1 thread): elsewhere they differ." in bounds
    assert words.startswith("Use b: ")


def test_table_terminal_and_json() -> None:
    advice, sources = ask(
        *EASY, row("exact", 0.0, 1, kind="q", stopped="deterministic"), row("c", 1, 1, kind="q"), budget=9
    )
    assert evidence_rows(advice) == [
        ("p(dim=64)", "a(k=9)", "1.00 ± 0.05", "9", "b", "1.89 [1.76, 2.02] *"),
        ("q(dim=64)", "exact", "0", "1", "c", "∞ *"),
    ]
    screen = Console(file=io.StringIO(), width=160)
    print_advice(advice, sources, screen)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("Use ") < text.index("1.89 [1.76, 2.02] *") < text.index("Limits")
    whole = json.loads(to_json(advice, sources))
    assert whole["answer"].startswith("Use ")
    assert whole["evidence"][0]["winner"]["estimator"] == "a(k=9)"
    assert whole["evidence"][1]["ratio"] == [None, None, None]  # infinite
