"""The estimators of a task over all its problems: mean ranks, what the test tells apart, and verdicts on claims."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from estibench.analysis.ranks import Ranking, ranking
from estibench.columns import EFFICIENCIES
from estibench.exports.contests import SummaryTable

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = ("supported", "refuted", "undecided")

RANKED = (
    "Mean rank among the stochastic estimators that were measured in every block (1 is best). †: not told apart from "
    "the best at {level:g} % (Friedman's test, then Nemenyi's critical difference). –: deterministic, or not measured "
    "in every block."
)
UNRANKED = "No ranks: they take two stochastic estimators, each measured in the same two blocks or more."
CLAIMS = " Verdicts on its claims: supported / refuted / undecided."


def standings(cells: pd.DataFrame, task: str, level: float) -> SummaryTable:
    """Estimators by mean rank, then those that do not rank; `cells` are the ok rows of one task."""
    rankings = {column: ranking(cells, column, level) for column in EFFICIENCIES}
    found = {column: one for column, one in rankings.items() if one}
    counted = [f"claims_{verdict}" for verdict in VERDICTS if f"claims_{verdict}" in cells]
    blocks = cells.groupby("estimator", sort=False)["block"].nunique()
    claims = cells.groupby("estimator", sort=False)[counted].sum() if counted else None
    rows = []
    for estimator in map(str, blocks.index):
        ranks = [_mean_rank(one, estimator) for one in found.values()]
        shown = [_marked(one, estimator, rank) for one, rank in zip(found.values(), ranks, strict=True)]
        verdicts = [] if claims is None else [" / ".join(f"{number:.0f}" for number in claims.loc[estimator])]
        rows.append((ranks[::-1], (estimator, *shown, str(blocks[estimator]), *verdicts)))
    rows.sort(key=lambda row: row[0])
    header = ("estimator", *(f"rank by\n{EFFICIENCIES[column]}" for column in found), "blocks")
    explanation = f"{RANKED.format(level=100 * level)} {tests_in_words(found)}" if found else UNRANKED
    return SummaryTable(
        f"Estimators over all problems ({task})",
        explanation + (CLAIMS if counted else ""),
        (*header, *(["claims"] if counted else [])),
        tuple(row for _, row in rows),
    )


def tests_in_words(found: dict[str, Ranking]) -> str:
    """What the tests rest on, said once for errors that rank as many estimators over as many blocks."""
    sizes: dict[str, list[str]] = {}
    for column, one in found.items():
        sizes.setdefault(one.size, []).append(f"{one.chance} by {EFFICIENCIES[column]}")
    return " ".join(f"{size}; Friedman's {', '.join(chances)}." for size, chances in sizes.items())


def _mean_rank(found: Ranking, estimator: str) -> float:
    """Infinite for an estimator that does not rank."""
    return dict(zip(found.estimators, found.mean_ranks, strict=True)).get(estimator, math.inf)


def _marked(found: Ranking, estimator: str, rank: float) -> str:
    if math.isinf(rank):
        return "–"
    return f"{rank:.1f} †" if estimator in found.best else f"{rank:.1f}"
