"""An answer of `analysis.advice` in words, with its evidence as a table and its limits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from estibench.analysis.advice import NEAR, WORST, Advice, Candidate, Evidence, Source
from estibench.exports.answer import Line, contests_in_words, print_answer
from estibench.exports.budgets import amount
from estibench.exports.comparison import Entry
from estibench.exports.contests import SummaryTable, named, seconds, short, unit_of_work
from estibench.exports.short_names import short_names
from estibench.exports.summary import print_table
from estibench.exports.tables import plain

if TYPE_CHECKING:
    from rich.console import Console

HEADER = ("problem", "best", "relative RMSE", "spends", "runner-up of another kind", "its error over the best's")
WORTH_IT = 0.99  # of one estimate's RMSE: what averages must stay below to be told as averages
KEPT = ("estimator", "family", "relative_rmse", "rmse", "mse", "bias", "work", "time", "claims_refuted")


def answer(advice: Advice, unit: str) -> str:
    """What to use, by how much it is better, and where it is best."""
    if not advice.evidence and advice.biased:
        return (
            "Every estimator is biased, and averaging does not remove a bias: which one errs least depends on what you "
            "can spend. Ask again with --budget."
        )
    if not advice.evidence:
        return f"No estimator was measured that spends at most {_budget(advice, unit)}."
    best, number = advice.candidates[0], len(advice.evidence)
    words = f"Use {_instance(best)}: "
    if number == 1:
        words += f"the smallest {_error(advice)}"
        words += ", beyond doubt." if best.beyond_doubt else ", but not told apart from every estimator of other kinds."
    else:
        words += f"best on {best.best} of {number} problems ({best.beyond_doubt} of them beyond doubt)"
        words += f", not told apart from the best on {best.tied} more" if best.tied else ""
        words += f"; over all problems its {_error(advice)} is {best.typical:.3g} × the best's."
    others = [_other(one, number) for one in advice.candidates[1:4]]
    return words + (f" Next: {', '.join(others)}." if others else "")


def _instance(best: Candidate) -> str:
    """The estimator by which a family is represented most often."""
    return best.estimators[0] if best.estimators[0] == best.family else f"{best.family}, as {best.estimators[0]}"


def _other(one: Candidate, number: int) -> str:
    missing = f", no result on {number - one.solved}" if one.solved < number else ""
    return f"{one.family} ({one.typical:.2f} ×{missing})"


def unit_of(advice: Advice, sources: Sequence[Source]) -> str:
    """What the task's work counts."""
    for source in sources:
        cells = source.frame[(source.frame["task"] == advice.question.task) & (source.frame["status"] == "ok")]
        if len(cells):
            return unit_of_work(cells)
    return "units of work"


def limits(advice: Advice, sources: Sequence[Source]) -> Iterator[str]:
    """What the answer does not cover, one sentence each."""
    unit, question = unit_of(advice, sources), advice.question
    yield from _about_dimensions(advice)
    if advice.evidence:
        yield from _about_candidates(advice)
    yield from _about_biased(advice, unit)
    names = {one.source for one in advice.evidence}
    used = [source for source in sources if source.name in names]
    if question.by == "time" and used:
        yield f"Times are of {'; '.join(dict.fromkeys(map(_machine, used)))}: elsewhere they differ."
    if used:
        yield f"Measured on {'; '.join(sorted({f'{one.device} in {one.dtype}' for one in advice.evidence}))}."
    yield from (_origin(source) for source in used)
    if advice.aside:
        shown = "; ".join(advice.aside[:4]) + (f"; and {len(advice.aside) - 4} more" if len(advice.aside) > 4 else "")
        yield f"Left out: {shown}."


def evidence_rows(advice: Advice, names: Mapping[str, str] | None = None) -> list[tuple[str, ...]]:
    """The table of contests under `HEADER`; problems by their labels, or by these names."""
    several = len({(one.device, one.dtype) for one in advice.evidence}) > 1
    return [_row(one, advice, (names or {}).get(one.problem, one.problem), several) for one in advice.evidence]


def to_json(advice: Advice, sources: Sequence[Source]) -> str:
    """The whole answer as JSON; what is not known or not finite is null."""
    evidence = [
        {
            **{name: getattr(one, name) for name in ("source", "problem", "device", "dtype", "dim", "cost", "p_value")},
            "winner": _kept(one.winner),
            "error": None if one.error is None else [one.error.value, one.error.low, one.error.high],
            "second": None if one.second is None else _kept(one.second),
            "ratio": None if one.ratio is None else [one.ratio.ratio, one.ratio.low, one.ratio.high],
        }
        for one in advice.evidence
    ]
    whole = {
        "question": asdict(advice.question),
        "answer": answer(advice, unit_of(advice, sources)),
        "limits": list(limits(advice, sources)),
        "candidates": [asdict(one) for one in advice.candidates],
        "evidence": evidence,
    }
    return json.dumps(_finite(whole), indent=1, ensure_ascii=False)


def print_advice(advice: Advice, sources: Sequence[Source], console: Console) -> None:
    """The answer for a terminal."""
    from rich.text import Text

    console.print(Text(answer(advice, unit_of(advice, sources)), style="bold"))
    names = short_names([one.problem for one in advice.evidence])
    if len(advice.evidence) > 1:
        places = {(one.problem, one.device, one.dtype): names[one.problem] for one in advice.evidence}
        lines = [Line(text, 1) for _, text in contests_in_words(advice.evidence, places, advice.question.budget)]
        print_answer(lines, console)
    if advice.evidence:
        print_table(SummaryTable("", "", HEADER, tuple(evidence_rows(advice, names))), console)
        console.print(Text(_how_to_read(advice), style="dim"))
    console.print(Text("Limits", style="bold"))
    for line in limits(advice, sources):
        console.print(Text(f"- {line}"))


def _how_to_read(advice: Advice) -> str:
    by, budget = advice.question.by, advice.question.budget
    compared = f"MSE × {by}" if budget is None else f"RMSEs of averages, √(bias² + variance × {by} / budget)"
    return (
        f"The last column compares {compared}, with its confidence interval; ∞: the best's is no more than rounding. "
        "*: the best is told apart from every estimator of every other kind at 5 %, with Holm's correction over the "
        "problems. ✗: a claim of it was refuted. "
        "“Over all problems” is the geometric mean; no result, or an error where the best has none, counts "
        f"{WORST:g} ×."
    )


def _row(one: Evidence, advice: Advice, name: str, several: bool) -> tuple[str, ...]:
    where = f"{name} [{one.device}, {one.dtype}]" if several else name
    first = (where, named(one.winner), _error_of(one), _spends(one, advice))
    if one.second is None:
        return (*first, "", "")
    if one.ratio is None:
        ratio = "both at rounding"
    elif math.isinf(one.ratio.ratio):
        ratio = "∞"
    else:
        ratio = f"{one.ratio.ratio:.3g}"
        if math.isfinite(one.ratio.high):
            ratio += f" [{one.ratio.low:.3g}, {one.ratio.high:.3g}]"
    return (*first, named(one.second), ratio + (" *" if one.beyond_doubt else ""))


def _spends(one: Evidence, advice: Advice) -> str:
    """The cost of one estimate, and how many the budget buys: `5.6 × 9`; one where more would change nothing."""
    by, budget = advice.question.by, advice.question.budget
    spent = seconds(one.cost) if by == "time" else short(one.cost)
    helps = one.error is not None and one.error.value < WORTH_IT * one.winner["rmse"]
    if budget is None or not helps or one.cost <= 0:
        return spent
    number = budget / one.cost
    return f"{number:.0f} × {spent}" if number >= 100 else f"{number:.3g} × {spent}"


def _error_of(one: Evidence) -> str:
    """The winner's RMSE, of the average where there is a budget; relative where the truth is not 0."""
    row = one.winner
    for name, unit in (("relative_rmse", ""), ("rmse", " (absolute)")):
        value, low, high = (float(row.get(column, math.nan)) for column in (name, f"{name}_low", f"{name}_high"))
        if math.isfinite(value):
            if one.error is not None and row["rmse"] > 0:
                scale = value / row["rmse"]
                value, low, high = (scale * bound for bound in (one.error.value, one.error.low, one.error.high))
            return plain(Entry(value, low, high)) + unit
    return "n/a"


def _about_dimensions(advice: Advice) -> Iterator[str]:
    dim = advice.question.dim
    dims = sorted({one.dim for one in advice.evidence if one.dim is not None})
    if dim is None or not dims:
        return
    outside = [one for one in advice.evidence if not one.within]
    if dim in dims:
        yield f"Measured at dimension {', '.join(f'{one:g}' for one in dims)}."
    elif dims[0] < dim < dims[-1]:
        yield f"Dimension {dim:g} was not measured: the evidence is from {', '.join(f'{one:g}' for one in dims)}."
    else:
        side, factor = ("above", dim / dims[-1]) if dim > dims[-1] else ("below", dims[0] / dim)
        far = ", which is far" if factor > NEAR else ""
        yield f"EXTRAPOLATED: dimension {dim:g} lies {side} all that was measured, by a factor of {factor:.3g}{far}."
    if outside and dims[0] <= dim <= dims[-1]:
        yield f"{len(outside)} of {_count(len(advice.evidence), 'contest')} are extrapolated: on one side of it only."
    yield "Costs are read off, or continued, on log–log lines through those of the nearest dimensions; errors are not."


def _about_candidates(advice: Advice) -> Iterator[str]:
    best, number = advice.candidates[0], _count(len(advice.evidence), "problem")
    if best.refuted:
        yield f"REFUTED: a claim of {best.family} was refuted on {best.refuted} of {number}: see the run's report."
    if best.biased:
        yield (
            f"BIASED: {best.family} has a bias on {best.biased} of {number}, up to {100 * best.bias_share:.0f} % of "
            "its RMSE at this budget: averaging estimates does not remove it."
        )
        fair = next((one for one in advice.candidates if not one.biased), None)
        if fair is not None:
            yield f"The best kind without a bias that shows is {fair.family}: {fair.typical:.3g} × the best's error."
    nearer = next((one for one in advice.candidates if one.typical < best.typical), None)
    if nearer is not None:
        yield (
            f"{nearer.family} is nowhere best, yet nearer to the best over all problems: {nearer.typical:.3g} × its "
            f"error, against {best.typical:.3g} ×."
        )
    if best.solved < len(advice.evidence):
        yield f"{best.family} has no result within the budget on {len(advice.evidence) - best.solved} of {number}."
    if advice.question.budget is not None:
        yield "Only parameters that were measured compete; each is averaged until the budget is spent."


def _about_biased(advice: Advice, unit: str) -> Iterator[str]:
    """The families that are set aside because no budget is named, and when they are better all the same."""
    if not advice.biased or not advice.evidence:
        return
    told = []
    for one in advice.biased:
        ends = [_amount(advice, unit, budget) for budget in (min(one.ahead), max(one.ahead))] if one.ahead else []
        where = f"on {len(one.ahead)} of {_count(one.problems, 'problem')}"
        told.append(
            f"{one.family} (below {' to '.join(dict.fromkeys(ends))}, {where})" if ends else f"{one.family} (never)"
        )
    yield (
        "BIASED, so set aside where no budget is named, for averaging does not remove a bias; in brackets the budgets "
        f"below which they err less than the best all the same: {'; '.join(told)}. Name yours with --budget."
    )
    if "gradient" in advice.question.task:
        yield "What a biased gradient does to a training run is another question, which fits answer."


def _machine(source: Source) -> str:
    machine = source.about.get("machine") or {}
    threads = (source.about.get("settings") or {}).get("threads")
    return (
        f"{machine.get('processor')} (host {source.about.get('host')}, {threads} thread{'s' if threads != 1 else ''})"
    )


def _origin(source: Source) -> str:
    about = source.about
    date, commit = str(about.get("started"))[:10], str(about.get("commit"))[:12]
    return f"Evidence from {source.name}: suite {about.get('suite')}, {date}, commit {commit}."


def _budget(advice: Advice, unit: str) -> str:
    budget = advice.question.budget
    return "any budget" if budget is None else _amount(advice, unit, budget)


def _amount(advice: Advice, unit: str, budget: float) -> str:
    return seconds(budget) if advice.question.by == "time" else f"{amount(float(f'{budget:.3g}'))} {unit}"


def _error(advice: Advice) -> str:
    return "RMSE" if advice.question.budget is not None else f"MSE × {advice.question.by}"


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in KEPT if name in row}


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
