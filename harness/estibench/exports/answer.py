"""What a run has found, in sentences: which estimator, by how much, and whether it is right.

Every sentence is made from contests that `analysis.advice` decides, the same that `bench recommend` answers from, or
from verdicts and failures of the table; where a victory could be chance, it says 'not told apart'.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.advice import Advice, Evidence, Question, Source, advise
from estibench.analysis.cells import competes, is_deterministic
from estibench.analysis.contrast import Contrast, contrast, measured
from estibench.analysis.criteria import criteria
from estibench.analysis.noise import noise_warning
from estibench.analysis.price import Cost
from estibench.analysis.training import of_training
from estibench.exports.budgets import budget_in_words
from estibench.exports.contests import named, unit_of_work
from estibench.exports.findings import count, findings, headline, miss_in_words, misses
from estibench.exports.questions import questions
from estibench.exports.short_names import listed, short_names
from estibench.exports.training import training_in_words
from estibench.results.run_directory import Results, once

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console


MOST_LINES = 15
TIED = "\N{NO-BREAK SPACE}"
MOST_REFUTED = 2  # that are told one by one
UNTOLD = ("unsupported", "skipped")  # states of cells that need no word but their number
MOST_BIASED = 3  # kinds that are named


@dataclass(frozen=True)
class Line:
    """A sentence of the answer.

    Attributes:
        depth: 0 stands at the margin, 1 below the task that it is about.
        weight: where there is no room for all, the largest go first.
    """

    text: str
    depth: int = 0
    weight: int = 0


@once
def answer_lines(results: Results) -> list[Line]:
    """What a run has found, the most important first; the last lines say whether it is right."""
    lines = [Line(headline(results))]
    asked = [Line(f"{question} {said}", 0, 1) for question, said in questions(results)]
    lines += asked
    frame = results.frame
    ok = frame[frame["status"] == "ok"] if len(frame) else frame
    for task, cells in ok.groupby("task", sort=False) if len(ok) else ():
        lines += _about_task(results, str(task), cells, bool(asked))
    return [*lines, *_is_it_right(results)]


def fitted(lines: Sequence[Line], width: int, most: int = MOST_LINES) -> list[Line]:
    """Those of the lines for which so many rows of a terminal suffice, the least important left out."""
    kept = list(lines)
    while sum(len(wrapped(line, width)) for line in kept) > most and any(line.weight for line in kept):
        kept.pop(max(range(len(kept)), key=lambda at: (kept[at].weight, at)))
    return kept


def wrapped(line: Line, width: int) -> list[str]:
    """A line on rows that break between words, and not within an interval."""
    first, more = ("  - ", "    ") if line.depth else ("", "")
    text = re.sub(r"\[[^\]]*\]", lambda interval: interval[0].replace(" ", TIED), line.text)
    rows = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=more, break_long_words=False, break_on_hyphens=False
    )
    return [row.replace(TIED, " ") for row in rows]


def grouped(lines: Sequence[Line]) -> list[tuple[str, list[str]]]:
    """The sentences at the margin, each with those below it."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.depth == 0:
            found.append((line.text, []))
        else:
            found[-1][1].append(line.text)
    return found


def _about_task(results: Results, task: str, cells: pd.DataFrame, asked: bool) -> Iterator[Line]:
    """Its contests by the clock, or by counted work where that was not read; and how the other currency decides.

    Args:
        asked: whether the suite asks questions of its own, which come before who leads where.
    """
    if of_training(cells):
        texts = list(training_in_words(cells, problem_names(cells), results.confidence))
        yield Line(
            f"{task}, {count(len(problem_names(cells)), 'problem')}: {texts[0] if texts else 'nothing to compare'}",
            0,
            2 if asked else 0,
        )
        yield from (Line(f"{task}: {text}", 0, 3 if asked else 2) for text in texts[1:])
        return
    source = Source(str(results.directory), results.frame, results.confidence, results.about)
    names = problem_names(cells)
    competing = competes(cells)
    floors, cells = cells[~competing], cells[competing]
    stated = results.about.get("budgets") or {}
    currencies: list[Cost] = ["time", "work"]
    advised = [found for by in currencies if (found := _asked(source, task, cells, by, stated.get(by, ())))]
    if not advised:
        yield Line(f"{task}: no estimator has both an error and a cost to be compared by.")
        return
    for at, advice in enumerate(advised):
        what = criterion_in_words(advice, cells)
        if at == 0:
            yield Line(f"{task}, {count(len(advice.evidence), 'problem')}, by {what}:")
            for weight, text in contests_in_words(advice.evidence, names, advice.question.budget):
                yield Line(text, 1, weight)
            yield from (Line(text, 1, 3) for text in _at_the_floor(advice, floors, names, results.confidence))
            if advice.biased:
                yield Line(_biased_in_words(advice, task), 1, 6)
        else:
            yield Line(f"by {what}: {counts_in_words(advice.evidence)}", 1, 5)


def _asked(source: Source, task: str, cells: pd.DataFrame, by: Cost, stated: Sequence[float]) -> Advice | None:
    """The contests without a budget; at the middle one of the suite's where too few estimators are without a bias."""
    if by not in cells or cells[by].isna().all():
        return None
    advice = advise([source], Question(task, None, by))
    blocks = len(cells[["problem", "device", "dtype"]].drop_duplicates())
    if len(advice.evidence) < blocks or all(one.second is None for one in advice.evidence):
        budgets = [one.budget for one in criteria(cells, by, stated) if one.budget is not None]
        if budgets:
            advice = advise([source], Question(task, budgets[len(budgets) // 2], by))
    return advice if advice.evidence else None


def problem_names(cells: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Short names by problem, device and dtype; the last two are told where there are several."""
    places = list(dict.fromkeys(cells[["problem", "device", "dtype"]].astype(str).itertuples(index=False, name=None)))
    short = short_names([problem for problem, _, _ in places])
    several = len({place[1:] for place in places}) > 1
    return {place: short[place[0]] + (f" [{place[1]}, {place[2]}]" if several else "") for place in places}


def criterion_in_words(advice: Advice, cells: pd.DataFrame) -> str:
    """`MSE × time`, or `error at 2576 matvecs`."""
    if advice.question.budget is None:
        return f"MSE × {'time' if advice.question.by == 'time' else unit_of_work(cells)}"
    return f"error at {budget_in_words(cells, advice.question.criterion)}"


@dataclass(frozen=True)
class _Sorted:
    """Contests by how they ended."""

    won: dict[str, list[Evidence]]
    exact: list[Evidence]
    rounding: list[Evidence]
    open: list[Evidence]
    alone: list[Evidence]


def _sorted(contests: Sequence[Evidence]) -> _Sorted:
    """Wins are by family; exact: the winner is deterministic; rounding: the two best have no more error than that."""
    found = _Sorted({}, [], [], [], [])
    for one in contests:
        if is_deterministic(one.winner):
            found.exact.append(one)
        elif one.second is None:
            found.alone.append(one)
        elif one.ratio is None:
            found.rounding.append(one)
        elif one.beyond_doubt:
            found.won.setdefault(str(one.winner["family"]), []).append(one)
        else:
            found.open.append(one)
    return found


def contests_in_words(
    contests: Sequence[Evidence], names: Mapping[tuple[str, str, str], str], budget: float | None
) -> Iterator[tuple[int, str]]:
    """Who wins where and by how much, where the exact answer is the better choice, and what is not told apart.

    Args:
        names: of the problems, by label, device and dtype.
        budget: on averages of estimates; None compares MSE × cost.

    Returns: sentences, each behind its weight.
    """
    found = _sorted(contests)

    def where(some: Sequence[Evidence]) -> str:
        return listed([names[one.problem, one.device, one.dtype] for one in some])

    for some in sorted(found.won.values(), key=len, reverse=True):
        yield 1, f"{_whose(some)} wins {len(some)} ({where(some)}): {_lead(some)}"
    if found.exact:
        words = "at no more cost" if budget is None else "within the budget"
        yield 1, f"{_whose(found.exact)} is the better choice on {len(found.exact)} ({where(found.exact)}), {words}"
    if found.open:
        one = found.open[0]
        pair = f"{named(one.winner)} from {named(one.rival or {})}, {_ratio(one.over_rival)}"
        first = f"{where([one])}: " if len(found.open) > 1 else ""
        yield 2, f"not told apart on {len(found.open)} ({where(found.open)}); {first}{pair}"
    if found.rounding:
        cheapest = _tally(found.rounding)
        yield 3, f"exact to rounding on {len(found.rounding)} ({where(found.rounding)}), at the least cost {cheapest}"
    if found.alone:
        yield 4, f"no other kind to compare with on {len(found.alone)} ({where(found.alone)}): {_tally(found.alone)}"


def _at_the_floor(
    advice: Advice, floors: pd.DataFrame, names: Mapping[tuple[str, str, str], str], confidence: float
) -> Iterator[str]:
    """On which problems nothing shows that the winner errs more than what asks nothing of the problem."""
    rows: dict[Any, dict[Any, Any]] = {
        (row["problem"], row["device"], row["dtype"]): row for row in floors.to_dict("records")
    }
    contests = [one for one in advice.evidence if (one.problem, one.device, one.dtype) in rows]
    reached = []
    for one in contests:
        floor = measured(rows[one.problem, one.device, one.dtype], "mse", confidence)
        found = contrast(measured(one.winner, "mse", confidence), floor, confidence)
        reached += [one] if found.ratio <= 1 or found.p_value >= 1 - confidence else []
    if contests:
        kinds = " and ".join(dict.fromkeys(str(row["family"]) for row in rows.values()))
        where = f" ({listed([names[one.problem, one.device, one.dtype] for one in reached])})" if reached else ""
        yield f"not told apart from {kinds}, the floor, on {len(reached)} of {len(contests)}{where}"


def counts_in_words(contests: Sequence[Evidence]) -> str:
    """The same, counted only."""
    found = _sorted(contests)
    parts = [f"{_tally(some)} wins {len(some)}" for some in sorted(found.won.values(), key=len, reverse=True)]
    parts += [f"{_whose(found.exact)} is the better choice on {len(found.exact)}"] if found.exact else []
    parts += [f"exact to rounding on {len(found.rounding)}"] if found.rounding else []
    parts += [f"not told apart on {len(found.open)}"] if found.open else []
    parts += [f"no other kind to compare with on {len(found.alone)}"] if found.alone else []
    return ", ".join(parts)


def _whose(some: Sequence[Evidence]) -> str:
    """The winners' label where it is the same on all, else their kind."""
    labels = {named(one.winner) for one in some}
    return labels.pop() if len(labels) == 1 else " or ".join(dict.fromkeys(named(one.winner, "family") for one in some))


def _tally(some: Sequence[Evidence]) -> str:
    counted = Counter(named(one.winner, "family") for one in some)
    return ", ".join(f"{family} ({number})" if len(counted) > 1 else family for family, number in counted.most_common())


def _lead(some: Sequence[Evidence]) -> str:
    """By how much the next kind is worse, from the least to the most."""
    known = sorted(
        (one.ratio for one in some if one.ratio and math.isfinite(one.ratio.ratio)), key=lambda one: one.ratio
    )
    if not known:
        return "exact to rounding"
    ends = " to ".join(dict.fromkeys([_ratio(known[0]), _ratio(known[-1])]))
    return f"{ends} times less than the next kind" + (", or exact to rounding" if len(known) < len(some) else "")


def _ratio(found: Contrast | None) -> str:
    """`1.34 [1.01, 1.79]`: an error over the winner's, with its interval."""
    if found is None:
        return "both exact to rounding"
    if found.low == found.high:  # nothing of both is left to chance
        return _three(found.ratio)
    if math.isinf(found.high):
        return f"{_three(found.ratio)} (no interval)"
    return f"{_three(found.ratio)} [{_three(found.low)}, {_three(found.high)}]"


def _three(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < 1e6 else f"{value:.3g}"


def _biased_in_words(advice: Advice, task: str) -> str:
    some = sorted(advice.biased, key=lambda one: -len(one.ahead))
    names = ", ".join(one.family for one in some[:MOST_BIASED])
    names += f" and {len(some) - MOST_BIASED} more" if len(some) > MOST_BIASED else ""
    by = " --by time" if advice.question.by == "time" else ""
    words = f"set aside, for averaging does not remove a bias: {names}"
    if any(one.ahead for one in some):
        words += f"; what errs least at a budget: bench recommend {task}{by} --budget B"
    return words


def _is_it_right(results: Results) -> Iterator[Line]:
    """Refuted claims with their evidence, cells that failed, a noisy clock."""
    refuted = [one for one in findings(results) if one.verdict == "refuted"]
    for one in refuted[:MOST_REFUTED]:
        yield Line(f"Refuted: {one.where}: “{one.claim}”: {one.evidence}.", 0, 0)
    if len(refuted) > MOST_REFUTED:
        yield Line(f"Refuted: {count(len(refuted) - MOST_REFUTED, 'more claim')}.")
    for at, miss in enumerate(miss for miss in misses(results) if miss.status not in UNTOLD):
        yield Line(miss_in_words(miss), 0, at + (0 if miss.wrong else 4))
    undecided = sum(one.verdict == "undecided" for one in findings(results))
    if undecided:
        yield Line(
            f"Undecided: {count(undecided, 'claim')}, of which the draws tell too little: raise draws.max.", 0, 3
        )
    if rounds := _too_few_rounds(results):
        enough = math.ceil(1 - math.log2(1 - results.confidence))
        told = f"Times of {count(rounds, 'round')} have no interval, and by them nothing is told apart"
        yield Line(f"{told}: timing.rounds: {enough}.", 0, 2)
    warning = noise_warning(results.frame)
    if warning:
        yield Line(f"{warning[0].upper()}{warning[1:]}.", 0, 1)


def _too_few_rounds(results: Results) -> int:
    """The most timed rounds of a cell where that is too few for an interval of any; else 0. Fits are set apart."""
    frame = results.frame
    if not {"time", "time_low", "time_rounds"} <= {*frame.columns} or of_training(frame):
        return 0
    timed = frame[frame["time"].notna()]
    if timed.empty or timed["time_low"].map(math.isfinite).any():
        return 0
    return int(timed["time_rounds"].max())


def print_answer(lines: Sequence[Line], console: Console) -> None:
    """On a terminal: tasks in bold, what went wrong in colour."""
    from rich.text import Text

    for line in lines:
        style = "red" if line.text.startswith("Refuted") else "bold" if line.text.endswith(":") else ""
        console.print(Text("\n".join(wrapped(line, console.width)), style=style), soft_wrap=True)
