"""Claims by kind, and their verdicts counted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from estibench.analysis.verdict_matrix import kind_of, verdict_matrix


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        ("unbiased", "unbiased"),
        ("unbiased if the density has no edge", "unbiased"),
        ("variance = p(1 − p)/n if its noise is fine enough", "variance"),
        ("variance ~ estimator_probes^-1 if probes are independent over 3 cells", "variance ~ probes"),
        ("cost_matvec ~ problem_dim^1 over 6 cells", "matvecs ~ dimension"),
        ("matvec = k", "matvec"),
        ("cost in sweep", "sweep"),
        ("error bar covers 95 %", "error bar"),
    ],
)
def test_kinds(claim: str, kind: str) -> None:
    assert kind_of(claim) == kind


def cell(estimator: str, *claims: tuple[str, str]) -> dict[str, Any]:
    found = [{"claim": claim, "verdict": verdict} for claim, verdict in claims]
    return {"estimator": estimator, "family": estimator.partition("(")[0], "claims": found}


def test_counts_by_family_or_estimator() -> None:
    cells = pd.DataFrame(
        [
            cell("a(k=1)", ("unbiased", "supported"), ("matvec = k", "supported")),
            cell("a(k=2)", ("unbiased", "refuted")),
            cell("b", ("unbiased if f is linear", "undecided")),
            cell("silent"),
        ]
    )
    found = verdict_matrix(cells, "family")
    assert found is not None
    assert (found.rows, found.kinds) == (("a", "b"), ("unbiased", "matvec"))
    assert dict(found.counts["a", "unbiased"]) == {"supported": 1, "refuted": 1}
    assert ("b", "matvec") not in found.counts
    by_estimator = verdict_matrix(cells, "estimator")
    assert by_estimator is not None
    assert by_estimator.rows == ("a(k=1)", "a(k=2)", "b")
    assert verdict_matrix(cells[cells["estimator"] == "silent"], "family") is None
    assert verdict_matrix(cells.drop(columns="claims"), "family") is None
