"""Which estimator to use: what finished runs of a task say about a dimension and a budget, with evidence and limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from estibench.analysis.contrast import Contrast
from estibench.analysis.curves import without_parameter
from estibench.analysis.verdicts import ERROR_RATE, holm
from estibench.analysis.winners import Contest, Field

if TYPE_CHECKING:
    import pandas as pd

DIM = "problem_dim"
NEAR = 4.0  # dimensions within this factor speak for each other; others only where there are no nearer ones
WORST = 100.0  # what an estimator counts for, in RMSEs of the best, where it has no result or the best has no error


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        budget: the most that one estimate may spend, in work or in seconds; None asks for the most efficient one.
        by: what is spent.
        dim: dimension of the problem; None for any.
        device, dtype: None for any.
    """

    task: str
    budget: float | None = None
    by: Literal["work", "time"] = "work"
    dim: float | None = None
    device: str | None = None
    dtype: str | None = None

    @property
    def error(self) -> str:
        """The column by which estimators are compared."""
        return "mse" if self.budget is not None else f"mse_{self.by}"


@dataclass(frozen=True)
class Source:
    """A run that answers.

    Attributes:
        about: what its `run.json` says.
    """

    name: str
    frame: pd.DataFrame
    confidence: float
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The contest on one problem.

    Attributes:
        dim: at which it was measured; None for a problem without one.
        winner, second: rows of the table: the best, and the best of another family.
        cost: of the winner at the dimension that is asked about.
        ratio: the second's error over the winner's: of RMSEs within a budget, else of MSE × cost. None where there is
            no second, or both have no more than rounding.
        p_value: that no cell of another family is as good, adjusted by Holm over all problems; NaN without any.
        within: whether the problem was measured at the dimension that is asked about, or on both sides of it.
    """

    source: str
    problem: str
    device: str
    dtype: str
    dim: float | None
    winner: Mapping[str, Any]
    second: Mapping[str, Any] | None
    cost: float
    ratio: Contrast | None
    p_value: float
    within: bool

    @property
    def beyond_doubt(self) -> bool:
        return self.p_value < ERROR_RATE


@dataclass(frozen=True)
class Candidate:
    """How a family does over all problems, on each with its best estimator within the budget.

    Attributes:
        estimators: those that are its best, the most frequent first.
        solved: problems on which it has a result within the budget.
        best, beyond_doubt: problems on which it is best, and on which that is significant.
        tied: further problems on which it is not told apart from the best: p ≥ 5 %, each by itself.
        typical: its error over the best one's, as a geometric mean over the problems; `WORST` at most each.
        biased: problems on which it has a bias: its interval excludes 0, and no claim to be unbiased stands.
        bias_share: the largest of its biases over its RMSE there.
    """

    family: str
    estimators: tuple[str, ...]
    solved: int
    best: int
    beyond_doubt: int
    tied: int
    typical: float
    biased: int
    bias_share: float


@dataclass(frozen=True)
class Advice:
    """An answer.

    Attributes:
        question: as it was answered: without a dimension where no problem of the task has one.
        evidence: one contest for each problem.
        candidates: families, the recommended one first.
        aside: problems that say nothing about the question, and why.
    """

    question: Question
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...]
    aside: tuple[str, ...]


def advise(sources: Sequence[Source], question: Question) -> Advice:
    """What the runs say. Pure: the same tables give the same answer.

    Every problem of the task is a contest among the estimators that spend at most the budget at the dimension that is
    asked about (see `analysis.winners`). Of a problem that was measured in several dimensions, the nearest ones below
    and above count. Recommended is the family whose error, over the best one's, has the least geometric mean over all
    problems: good on a typical problem, and nowhere far off.
    """
    kinds = [(source, kind, cells) for source in sources for kind, cells in _kinds(source.frame, question)]
    if all(cells[DIM].isna().all() for _, _, cells in kinds):
        question = replace(question, dim=None)
    contests: list[_Played] = []
    aside: list[str] = []
    for source, kind, cells in kinds:
        dims, within = _dims(cells, question.dim)
        if not dims:
            aside.append(f"{kind}: has no parameter dim")
        costs = {index: _cost_at(cells, row, question) for index, row in cells.iterrows()}
        for dim in dims:
            block = cells[cells[DIM].isna()] if dim is None else cells[cells[DIM] == dim]
            for _, one in block.groupby("problem", sort=False):
                played = _played(source, one, dim, within, question, costs)
                contests += [] if played is None else [played]
    contests, far = _near(contests, question.dim)
    aside += [f"{one.problem}: no nearer dimension was measured" for one in far]
    chances = [one.contest.p_value for one in contests]
    tested = iter(holm([chance for chance in chances if not math.isnan(chance)]))
    adjusted = [math.nan if math.isnan(chance) else next(tested) for chance in chances]
    evidence = tuple(one.evidence(chance) for one, chance in zip(contests, adjusted, strict=True))
    return Advice(question, evidence, tuple(_candidates(contests, evidence)), tuple(dict.fromkeys(aside)))


@dataclass(frozen=True, eq=False)
class _Played:
    """A contest with its block.

    Attributes:
        entries: of the field, those within the budget.
        costs: of every cell at the dimension that is asked about.
    """

    source: str
    cells: pd.DataFrame
    dim: float | None
    within: bool
    field: Field
    entries: pd.DataFrame
    contest: Contest
    costs: Mapping[Any, float]

    @property
    def problem(self) -> str:
        return str(self.cells["problem"].iloc[0])

    @property
    def power(self) -> float:
        """Of a ratio of errors: MSEs are told as RMSEs."""
        return 0.5 if self.field.error == "mse" else 1.0

    def evidence(self, adjusted: float) -> Evidence:
        winner, second = self.contest.winner, self.contest.second
        first = self.cells.loc[winner]
        found = None if second is None else self.field.ratio(second, winner)
        if found is not None:
            ratio, low, high = (bound**self.power for bound in (found.ratio, found.low, found.high))
            found = replace(found, ratio=ratio, low=low, high=high)
        return Evidence(
            self.source,
            self.problem,
            str(first["device"]),
            str(first["dtype"]),
            self.dim,
            _plain(first),
            None if second is None else _plain(self.cells.loc[second]),
            self.costs[winner],
            found,
            adjusted,
            self.within,
        )

    def standings(self) -> Iterator[tuple[pd.Series[Any], float, bool]]:
        """The best row of every family, its error over the winner's, and whether the two are not told apart."""
        for index in self.entries.drop_duplicates("family").index:
            found = self.field.ratio(index, self.contest.winner)
            loss = 1.0 if found is None else min(found.ratio**self.power, WORST)
            yield self.cells.loc[index], loss, found is None or found.p_value >= ERROR_RATE


def _plain(row: pd.Series[Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.to_dict().items()}


def _played(
    source: Source,
    cells: pd.DataFrame,
    dim: float | None,
    within: bool,
    question: Question,
    costs: Mapping[Any, float],
) -> _Played | None:
    """The contest on one block; None where nothing is within the budget."""
    field = Field(cells, question.error, question.by, source.confidence)
    most = math.inf if question.budget is None else question.budget
    entries = field.entries[[costs[index] <= most for index in field.entries.index]]
    contest = field.among(entries)
    return None if contest is None else _Played(source.name, cells, dim, within, field, entries, contest, costs)


def _kinds(frame: pd.DataFrame, question: Question) -> Iterator[tuple[str, pd.DataFrame]]:
    """The ok cells of the task, by problem without its dimension, device and dtype."""
    import pandas as pd

    if not {"task", "status", question.by, question.error} <= {*frame.columns}:
        return
    wanted = (frame["task"] == question.task) & (frame["status"] == "ok")
    for name, value in (("device", question.device), ("dtype", question.dtype)):
        wanted &= frame[name].eq(value) if value else True
    cells = frame[wanted].copy()
    cells[DIM] = pd.to_numeric(cells[DIM], errors="coerce") if DIM in cells else math.nan
    kinds = cells["problem"].map(lambda label: without_parameter(str(label), DIM, "problem_"))
    for (kind, _, _), some in cells.groupby([kinds, "device", "dtype"], sort=False):
        yield str(kind), some


def _dims(cells: pd.DataFrame, dim: float | None) -> tuple[list[float | None], bool]:
    """The dimensions that speak for the one that is asked about, and whether it lies among them."""
    known = sorted(float(value) for value in cells[DIM].dropna().unique())
    if dim is None:
        return [*known, *([None] if cells[DIM].isna().any() else [])], True
    below, above = [one for one in known if one <= dim], [one for one in known if one >= dim]
    return list(dict.fromkeys([*below[-1:], *above[:1]])), bool(below and above)


def _near(contests: list[_Played], dim: float | None) -> tuple[list[_Played], list[_Played]]:
    """The contests within a factor of `NEAR` of the dimension, or else at the nearest one; and the others."""
    if dim is None or not contests:
        return contests, []
    distances = [abs(math.log(float(one.dim or dim) / dim)) for one in contests]
    most = max(math.log(NEAR), min(distances)) + 1e-9
    near = [one for one, distance in zip(contests, distances, strict=True) if distance <= most]
    return near, [one for one, distance in zip(contests, distances, strict=True) if distance > most]


def _cost_at(cells: pd.DataFrame, row: pd.Series[Any], question: Question) -> float:
    """What an estimator spends at the dimension that is asked about: on a line through its two nearest costs, log–log.

    Where it was measured in one dimension only, what it spends there.
    """
    import pandas as pd

    here = float(pd.to_numeric(row[question.by]))
    if question.dim is None or not here > 0:
        return here
    same = cells[cells["estimator"] == row["estimator"]]
    points = sorted(
        (abs(math.log(dim / question.dim)), math.log(dim), math.log(cost))
        for dim, cost in zip(same[DIM], pd.to_numeric(same[question.by]), strict=True)
        if dim > 0 and cost > 0
    )[:2]
    if len(points) < 2 or points[0][1] == points[1][1]:
        return here
    (_, x, y), (_, other_x, other_y) = points
    found = math.exp(y + (other_y - y) * (math.log(question.dim) - x) / (other_x - x))
    return round(found, 9) if question.by == "work" else found


def _candidates(contests: Sequence[_Played], evidence: Sequence[Evidence]) -> list[Candidate]:
    """Every family over all contests, the best first."""
    found: dict[str, list[tuple[Any, float, bool, Evidence]]] = {}
    for played, shown in zip(contests, evidence, strict=True):
        for row, loss, tied in played.standings():
            found.setdefault(str(row["family"]), []).append((row, loss, tied, shown))
    candidates = [_candidate(family, results, len(contests)) for family, results in found.items()]
    return sorted(candidates, key=lambda one: (one.typical, -one.best))


def _candidate(family: str, results: list[tuple[Any, float, bool, Evidence]], number: int) -> Candidate:
    wins = [shown for _, _, _, shown in results if shown.winner["family"] == family]
    shares = [_bias_share(row) for row, _, _, _ in results]
    missing = (number - len(results)) * math.log(WORST)
    return Candidate(
        family,
        tuple(name for name, _ in Counter(str(row["estimator"]) for row, _, _, _ in results).most_common()),
        solved=len(results),
        best=len(wins),
        beyond_doubt=sum(shown.beyond_doubt for shown in wins),
        tied=sum(tied for _, _, tied, _ in results) - len(wins),
        typical=math.exp((sum(math.log(loss) for _, loss, _, _ in results) + missing) / number),
        biased=sum(share > 0 for share in shares),
        bias_share=max(shares),
    )


def _bias_share(row: pd.Series[Any]) -> float:
    """Bias over RMSE where there is a bias: its interval excludes 0, and no claim to be unbiased stands. Else 0."""
    low, bias, rmse, rounding = (float(row.get(name, math.nan)) for name in ("bias_low", "bias", "rmse", "rounding"))
    claims = row.get("claims")
    fair = {"unbiased", "exact"}
    stands = any(
        str(claim["claim"]).partition(" ")[0] in fair and claim["verdict"] != "refuted"
        for claim in (claims if isinstance(claims, list) else [])
    )
    return min(bias / rmse, 1.0) if low > 0 and not rmse <= rounding and not stands else 0.0
