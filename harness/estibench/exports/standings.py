"""The estimators of a task over all its problems: mean ranks, what the test tells apart, and verdicts on claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from estibench.analysis.criteria import Criterion, criteria
from estibench.analysis.ranks import FEWEST_PROBLEMS, Ranking, ranking
from estibench.columns import EFFICIENCIES
from estibench.exports.budgets import COSTS, budget_in_words, heading_of
from estibench.exports.contests import SummaryTable, named

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = ("supported", "refuted", "undecided")

RANKED = (
    "Mean rank among the stochastic estimators that were measured in every block (1 is best). †: not told apart from "
    "the best at {level:g} % (Friedman's test, then Nemenyi's critical difference). –: deterministic, not measured in "
    "every block, or beyond the budget."
)
UNRANKED = (
    f"No ranks: they take two stochastic estimators, each measured on the same {FEWEST_PROBLEMS} problems or more."
)
CLAIMS = " Verdicts on its claims: supported / refuted (✗) / undecided."


def standings(cells: pd.DataFrame, task: str, stated: Mapping[str, Sequence[float]], level: float) -> SummaryTable:
    """Estimators by mean rank, then those that do not rank.

    Args:
        cells: the ok rows of one task.
        stated: the suite's budgets, by cost.
        level: of the tests.
    """
    ranked = [criterion for by in COSTS for criterion in criteria(cells, by, stated.get(by, ()))]
    rankings = {criterion: ranking(criterion.errors(cells), "error", level) for criterion in ranked}
    found = {criterion: one for criterion, one in rankings.items() if one}
    counted = [f"claims_{verdict}" for verdict in VERDICTS if f"claims_{verdict}" in cells]
    blocks = cells.groupby("estimator", sort=False)["block"].nunique()
    claims = cells.groupby("estimator", sort=False)[counted].sum() if counted else None
    rows = []
    for estimator in map(str, blocks.index):
        ranks = [_mean_rank(one, estimator) for one in found.values()]
        shown = [_marked(one, estimator, rank) for one, rank in zip(found.values(), ranks, strict=True)]
        verdicts = [] if claims is None else [" / ".join(f"{number:.0f}" for number in claims.loc[estimator])]
        name = named({"estimator": estimator, **({} if claims is None else claims.loc[estimator].to_dict())})
        rows.append((ranks[::-1], (name, *shown, str(blocks[estimator]), *verdicts)))
    rows.sort(key=lambda row: row[0])
    header = ("estimator", *map(_heading, found), "blocks")
    sizes = tests_in_words({_words(cells, criterion): one for criterion, one in found.items()})
    explanation = f"{RANKED.format(level=100 * level)} {sizes}" if found else UNRANKED
    return SummaryTable(
        f"Estimators over all problems ({task})",
        explanation + (CLAIMS if counted else ""),
        (*header, *(["claims"] if counted else [])),
        tuple(row for _, row in rows),
    )


def _heading(criterion: Criterion) -> str:
    if criterion.budget is None:
        return f"rank by\n{EFFICIENCIES[f'mse_{criterion.by}']}"
    return f"rank\n{heading_of(criterion)}"


def _words(cells: pd.DataFrame, criterion: Criterion) -> str:
    if criterion.budget is None:
        return f"by {EFFICIENCIES[f'mse_{criterion.by}']}"
    return f"at {budget_in_words(cells, criterion)}"


def tests_in_words(found: Mapping[str, Ranking]) -> str:
    """What the tests rest on, said once for errors that rank as many estimators over as many blocks."""
    sizes: dict[str, list[str]] = {}
    for words, one in found.items():
        sizes.setdefault(one.size, []).append(f"{one.chance} {words}")
    return " ".join(f"{size}; Friedman's {', '.join(chances)}." for size, chances in sizes.items())


def _mean_rank(found: Ranking, estimator: str) -> float:
    """Infinite for an estimator that does not rank."""
    return dict(zip(found.estimators, found.mean_ranks, strict=True)).get(estimator, math.inf)


def _marked(found: Ranking, estimator: str, rank: float) -> str:
    if math.isinf(rank):
        return "–"
    return f"{rank:.1f} †" if estimator in found.best else f"{rank:.1f}"
