"""Which estimator to use: what finished runs of a task say about a dimension and a budget, with evidence and limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from estibench.analysis.cells import at_rounding, competes, is_reference
from estibench.analysis.contrast import Contrast
from estibench.analysis.criteria import Criterion
from estibench.analysis.curves import without_parameter
from estibench.analysis.dimensions import DIM, dims_for, spending_at
from estibench.analysis.flips import break_even
from estibench.analysis.price import Bounded, Price, claimed_bias, is_biased, price_of, priced
from estibench.analysis.verdicts import ERROR_RATE, holm
from estibench.analysis.winners import Contest, Entry, Field, without_dear_references

if TYPE_CHECKING:
    import pandas as pd

NEAR = 4.0  # dimensions within this factor speak for each other; others only where there are no nearer ones
WORST = 100.0  # what an estimator counts for, in RMSEs of the best, where it has no result or the best has no error


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        budget: what may be spent, in work or in seconds: estimates are averaged until it is. None asks for the
            estimator that needs least to come down to any error: biased ones never do.
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
    def criterion(self) -> Criterion:
        """By what estimators are compared."""
        return Criterion(self.by, self.budget)


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
        cost: of one estimate of the winner, at the dimension that is asked about.
        error: of the average that the budget buys of it, as an RMSE; None without a budget, and at rounding.
        ratio: the second's error over the winner's: of RMSEs at a budget, else of MSE × cost. None where there is no
            second, or both have no more than rounding.
        p_value: that no cell of another family is as good, adjusted by Holm over all problems; NaN without any.
        rival: the cell of another family that is hardest to tell apart from the winner; None without any.
        over_rival: the rival's error over the winner's, like `ratio`.
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
    error: Bounded | None
    ratio: Contrast | None
    p_value: float
    rival: Mapping[str, Any] | None
    over_rival: Contrast | None
    within: bool

    @property
    def beyond_doubt(self) -> bool:
        return self.p_value < ERROR_RATE


@dataclass(frozen=True)
class Candidate:
    """How a family does over all problems, on each with its best estimator for the budget.

    Attributes:
        estimators: those that are its best, the most frequent first.
        solved: problems on which the budget buys it an estimate.
        best, beyond_doubt: problems on which it is best, and on which that is significant.
        tied: further problems on which it is not told apart from the best: p ≥ 5 %, each by itself.
        typical: its error over the best one's, as a geometric mean over the problems; `WORST` at most each.
        biased: problems on which it has a bias for certain: a claim says so and stands, or its interval excludes 0 and
            no claim to be unbiased stands.
        bias_share: the largest of its biases over its RMSE there.
        refuted: problems on which a claim of it was refuted.
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
    refuted: int


@dataclass(frozen=True)
class Aside:
    """A biased family, which has no place where no budget is named.

    Attributes:
        ahead: budgets up to which its average errs less than the winner's, one for each problem where there is one.
        problems: on which it was set aside.
    """

    family: str
    ahead: tuple[float, ...]
    problems: int


@dataclass(frozen=True)
class Advice:
    """An answer.

    Attributes:
        question: as it was answered: without a dimension where no problem of the task has one.
        evidence: one contest for each problem.
        candidates: families, the recommended one first.
        aside: problems that say nothing about the question, and why.
        biased: families that are biased, where no budget is named.
    """

    question: Question
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...]
    aside: tuple[str, ...]
    biased: tuple[Aside, ...] = ()


def advise(sources: Sequence[Source], question: Question) -> Advice:
    """What the runs say. Pure: the same tables give the same answer.

    Every problem of the task is a contest at the budget, at the dimension that is asked about (see `analysis.winners`
    and `analysis.price`). Of a problem that was measured in several dimensions, the nearest ones below and above
    count. Recommended is, of the families that are best somewhere, the one whose error, over the best one's, has the
    least geometric mean over all problems: good on a typical problem, and nowhere far off.
    """
    kinds = [(source, kind, cells) for source in sources for kind, cells in _kinds(source.frame, question)]
    if all(cells[DIM].isna().all() for _, _, cells in kinds):
        question = replace(question, dim=None)
    contests: list[_Played] = []
    aside: list[str] = []
    names = {name for _, _, cells in kinds for name in _with_a_bias(cells)}
    for source, kind, cells in kinds:
        dims, within = dims_for(cells, question.dim)
        if not dims:
            aside.append(f"{kind}: has no parameter dim")
        for dim in dims:
            block = cells[cells[DIM].isna()] if dim is None else cells[cells[DIM] == dim]
            for _, one in block.groupby("problem", sort=False):
                there = spending_at(question.dim, one, cells, question.by)
                played = _played(source, there, dim, within, question, names)
                contests += [] if played is None else [played]
    contests, far = _near(contests, question.dim)
    biased = tuple(_biased(contests))
    decided = [(one, one.contest) for one in contests if one.contest is not None]
    aside += [f"{one.problem}: no nearer dimension was measured" for one in far]
    chances = [contest.p_value for _, contest in decided]
    tested = iter(holm([chance for chance in chances if not math.isnan(chance)]))
    adjusted = [math.nan if math.isnan(chance) else next(tested) for chance in chances]
    evidence = tuple(one.evidence(contest, chance) for (one, contest), chance in zip(decided, adjusted, strict=True))
    candidates = tuple(_candidates(decided, evidence))
    return Advice(question, evidence, candidates, tuple(dict.fromkeys(aside)), biased)


@dataclass(frozen=True, eq=False)
class _Played:
    """A contest with its block.

    Attributes:
        cells: with what they spend at the dimension that is asked about.
        biased: cells that are set aside where no budget is named.
        entries: of the field, those that compete.
    """

    source: str
    question: Question
    cells: pd.DataFrame
    biased: pd.DataFrame
    dim: float | None
    within: bool
    field: Field
    entries: Sequence[Entry]
    contest: Contest | None

    @property
    def problem(self) -> str:
        return str(self.cells["problem"].iloc[0])

    @property
    def power(self) -> float:
        """Of a ratio of errors: MSEs are told as RMSEs."""
        return 1.0 if self.question.budget is None else 0.5

    def evidence(self, contest: Contest, adjusted: float) -> Evidence:
        winner, second, rival = contest.winner, contest.second, contest.rival
        first = self.cells.loc[winner]
        return Evidence(
            self.source,
            self.problem,
            str(first["device"]),
            str(first["dtype"]),
            self.dim,
            _plain(first),
            None if second is None else _plain(self.cells.loc[second]),
            float(first[self.question.by]),
            None if self.field.is_flat(winner) else _rmse(first, self.question),
            self._over(second, winner),
            adjusted,
            None if rival is None else _plain(self.cells.loc[rival]),
            self._over(rival, winner),
            self.within,
        )

    def _over(self, other: Any, winner: Any) -> Contrast | None:
        """Another cell's error over the winner's."""
        found = None if other is None else self.field.ratio(other, winner)
        if found is None:
            return None
        ratio, low, high = (bound**self.power for bound in (found.ratio, found.low, found.high))
        return replace(found, ratio=ratio, low=low, high=high)

    def standings(self, contest: Contest) -> Iterator[tuple[pd.Series[Any], float, bool]]:
        """The best row of every family, its error over the winner's, and whether the two are not told apart."""
        best = {one.family: one.label for one in reversed(self.entries)}  # the first of each family stays
        for one in self.entries:
            if best[one.family] != one.label:
                continue
            found = self.field.ratio(one.label, contest.winner)
            loss = 1.0 if found is None else min(found.ratio**self.power, WORST)
            yield self.cells.loc[one.label], loss, found is None or found.p_value >= ERROR_RATE


def _plain(row: pd.Series[Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.to_dict().items()}


def _rmse(row: pd.Series[Any], question: Question) -> Bounded | None:
    """Of the average that the budget buys."""
    price = price_of(row.to_dict(), question.by)
    if price is None or question.budget is None:
        return None
    found = price.at(question.budget)
    return Bounded(*(math.sqrt(bound) for bound in (found.value, found.low, found.high)))


def _with_a_bias(cells: pd.DataFrame) -> set[str]:
    """The estimators in which a bias shows somewhere."""
    some = cells[~is_reference(cells) & ~at_rounding(cells)]
    rows = zip(some["family"], priced(some.assign(work=1.0), "work"), strict=True)
    return {str(family) for family, row in rows if is_biased(row)}


def _played(
    source: Source, cells: pd.DataFrame, dim: float | None, within: bool, question: Question, biased: set[str]
) -> _Played | None:
    """The contest on one block; None where the budget buys nobody an estimate.

    Without a budget the biased are set aside, also where their bias does not show: it does elsewhere.

    Args:
        biased: families in which a bias shows somewhere.
    """
    settled = is_reference(cells) | at_rounding(cells)
    judged = zip(cells["family"], settled, priced(cells, question.by), strict=True)
    out = [
        question.budget is None and str(family) in biased and not known and claimed_bias(row) != 0
        for family, known, row in judged
    ]
    fair, aside = cells[[not one for one in out]], cells[out]
    field = question.criterion.field(fair, source.confidence)
    entries = field.entries if question.budget is not None else without_dear_references(field.entries)
    contest = None if len(aside) and is_reference(fair).all() else field.among(entries, question.budget)
    if contest is None and aside.empty:
        return None
    return _Played(source.name, question, fair if len(fair) else cells, aside, dim, within, field, entries, contest)


def _kinds(frame: pd.DataFrame, question: Question) -> Iterator[tuple[str, pd.DataFrame]]:
    """The ok cells of the task, by problem without its dimension, device and dtype."""
    import pandas as pd

    if not {"task", "status", question.by, "mse"} <= {*frame.columns}:
        return
    wanted = (frame["task"] == question.task) & competes(frame)
    for name, value in (("device", question.device), ("dtype", question.dtype)):
        wanted &= frame[name].eq(value) if value else True
    cells = frame[wanted].copy()
    cells[DIM] = pd.to_numeric(cells[DIM], errors="coerce") if DIM in cells else math.nan
    kinds = cells["problem"].map(lambda label: without_parameter(str(label), DIM, "problem_"))
    for (kind, _, _), some in cells.groupby([kinds, "device", "dtype"], sort=False):
        yield str(kind), some


def _near(contests: list[_Played], dim: float | None) -> tuple[list[_Played], list[_Played]]:
    """The contests within a factor of `NEAR` of the dimension, or else at the nearest one; and the others."""
    if dim is None or not contests:
        return contests, []
    distances = [abs(math.log(float(one.dim or dim) / dim)) for one in contests]
    most = max(math.log(NEAR), min(distances)) + 1e-9
    near = [one for one, distance in zip(contests, distances, strict=True) if distance <= most]
    return near, [one for one, distance in zip(contests, distances, strict=True) if distance > most]


def _candidates(contests: Sequence[tuple[_Played, Contest]], evidence: Sequence[Evidence]) -> list[Candidate]:
    """Every family over all contests, the best first; those that are nowhere best come last."""
    found: dict[str, list[tuple[Any, float, bool, Evidence]]] = {}
    for (played, contest), shown in zip(contests, evidence, strict=True):
        for row, loss, tied in played.standings(contest):
            found.setdefault(str(row["family"]), []).append((row, loss, tied, shown))
    candidates = [
        _candidate(family, results, len(contests), contests[0][0].question) for family, results in found.items()
    ]
    return sorted(candidates, key=lambda one: (one.best == 0, one.typical, -one.best))


def _candidate(
    family: str, results: list[tuple[Any, float, bool, Evidence]], number: int, question: Question
) -> Candidate:
    wins = [shown for _, _, _, shown in results if shown.winner["family"] == family]
    shares = [_bias_share(price_of(row, question.by), question.budget) for row, _, _, _ in results]
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
        refuted=sum(bool(row.get("claims_refuted") and row["claims_refuted"] > 0) for row, _, _, _ in results),
    )


def _bias_share(price: Price | None, budget: float | None) -> float:
    """Bias over RMSE at the budget where there is a bias for certain, else 0."""
    if budget is None or price is None or price.bias not in ("known", "shown") or price.floor.value == 0:
        return 0.0
    return math.sqrt(price.floor.value / price.at(budget).value)


def _biased(contests: Sequence[_Played]) -> Iterator[Aside]:
    """The families that are set aside, with the budgets up to which they err less than the winners."""
    ahead: dict[str, list[float]] = {}
    problems: dict[str, int] = {}
    for played in contests:
        best = None
        if played.contest is not None and not played.field.is_flat(played.contest.winner):
            best = price_of(played.cells.loc[played.contest.winner], played.question.by)
        for family, some in played.biased.groupby("family", sort=False):
            problems[str(family)] = problems.get(str(family), 0) + 1
            rivals = [price_of(row, played.question.by) for row in some.to_dict("records")]
            found = [break_even(one, best) for one in rivals if one is not None and best is not None]
            turns = [one.at for one in found if one.first_below and not math.isnan(one.at)]
            ahead.setdefault(str(family), []).extend([max(turns)] if turns else [])
    return (Aside(family, tuple(ahead[family]), number) for family, number in problems.items())
