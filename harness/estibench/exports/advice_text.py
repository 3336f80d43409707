"""An answer of `analysis.advice` in words, with its evidence as a table and its limits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from estibench.analysis.advice import NEAR, WORST, Advice, Candidate, Evidence, Source
from estibench.exports.comparison import Entry
from estibench.exports.contests import seconds, short, unit_of_work
from estibench.exports.tables import plain

if TYPE_CHECKING:
    from rich.console import Console

HEADER = ("problem", "best", "relative RMSE", "spends", "runner-up of another kind", "its error over the best's")
KEPT = ("estimator", "family", "relative_rmse", "rmse", "mse", "bias", "work", "time")


def answer(advice: Advice, unit: str) -> str:
    """What to use, by how much it is better, and where it is best."""
    if not advice.evidence:
        return f"No estimator was measured that spends at most {_budget(advice, unit)}."
    best, number = advice.candidates[0], len(advice.evidence)
    words = f"Use {best.family}, as {_alternatives(best)}: "
    if number == 1:
        words += f"the smallest {_error(advice)}"
        words += ", beyond doubt." if best.beyond_doubt else ", but not told apart from every estimator of other kinds."
    else:
        words += f"best on {best.best} of {number} problems"
        words += f" ({best.beyond_doubt} of them beyond doubt)" if best.best else ""
        words += f", not told apart from the best on {best.tied} more" if best.tied else ""
        words += f"; over all problems its {_error(advice)} is {best.typical:.3g} × the best's."
    others = [_other(one, number) for one in advice.candidates[1:4]]
    words += f" Next: {', '.join(others)}." if others else ""
    if len({str(one.winner["family"]) for one in advice.evidence}) > 1:
        words += " No kind is best on all problems: look below for the one that is most like yours."
    return words


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
        yield from _about_candidates(advice, unit)
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


def evidence_rows(advice: Advice) -> list[tuple[str, ...]]:
    """The table of contests under `HEADER`."""
    several = len({(one.device, one.dtype) for one in advice.evidence}) > 1
    return [_row(one, advice, several) for one in advice.evidence]


def to_json(advice: Advice, sources: Sequence[Source]) -> str:
    """The whole answer as JSON; what is not known or not finite is null."""
    evidence = [
        {
            **{name: getattr(one, name) for name in ("source", "problem", "device", "dtype", "dim", "cost", "p_value")},
            "winner": _kept(one.winner),
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
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(Text(answer(advice, unit_of(advice, sources)), style="bold"))
    if advice.evidence:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in HEADER:
            table.add_column(Text(name), overflow="fold")
        for row in evidence_rows(advice):
            table.add_row(*map(Text, row))
        console.print(table)
        console.print(Text(_how_to_read(advice), style="dim"))
    console.print(Text("Limits", style="bold"))
    for line in limits(advice, sources):
        console.print(Text(f"- {line}"))


def _how_to_read(advice: Advice) -> str:
    compared = "RMSEs" if advice.question.budget is not None else f"MSE × {advice.question.by}"
    return (
        f"The last column compares {compared}, with its confidence interval; ∞: the best's is no more than rounding. "
        "*: the best is told apart from every estimator of every other kind at 5 %, with Holm's correction over the "
        "problems. “Over all problems” is the geometric mean; no result, or an error where the best has none, counts "
        f"{WORST:g} ×."
    )


def _row(one: Evidence, advice: Advice, several: bool) -> tuple[str, ...]:
    where = f"{one.problem} [{one.device}, {one.dtype}]" if several else one.problem
    spent = seconds(one.cost) if advice.question.by == "time" else short(one.cost)
    if one.second is None:
        return where, str(one.winner["estimator"]), _error_of(one.winner), spent, "", ""
    if one.ratio is None:
        ratio = "both at rounding"
    elif math.isinf(one.ratio.ratio):
        ratio = "∞"
    else:
        ratio = f"{one.ratio.ratio:.3g}"
        if math.isfinite(one.ratio.high):
            ratio += f" [{one.ratio.low:.3g}, {one.ratio.high:.3g}]"
    star = " *" if one.beyond_doubt else ""
    return where, str(one.winner["estimator"]), _error_of(one.winner), spent, str(one.second["estimator"]), ratio + star


def _error_of(row: Mapping[str, Any]) -> str:
    for name, unit in (("relative_rmse", ""), ("rmse", " (absolute)")):
        value, low, high = (float(row.get(column, math.nan)) for column in (name, f"{name}_low", f"{name}_high"))
        if math.isfinite(value):
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


def _about_candidates(advice: Advice, unit: str) -> Iterator[str]:
    best, number = advice.candidates[0], _count(len(advice.evidence), "problem")
    if best.biased:
        yield (
            f"BIASED: {best.family} has a bias on {best.biased} of {number}, up to {100 * best.bias_share:.0f} % of "
            "its RMSE: averaging estimates does not remove it."
        )
        fair = next((one for one in advice.candidates if not one.biased), None)
        if fair is not None:
            yield f"The best kind without a bias that shows is {fair.family}: {fair.typical:.3g} × the best's error."
    if best.solved < len(advice.evidence):
        yield f"{best.family} has no result within the budget on {len(advice.evidence) - best.solved} of {number}."
    if advice.question.budget is not None:
        spent = max(one.cost for one in advice.evidence)
        most = seconds(spent) if advice.question.by == "time" else short(spent)
        yield f"Only parameters that were measured compete: of {_budget(advice, unit)} winners spend {most} at most."


def _alternatives(best: Candidate) -> str:
    """The estimators that a family is represented by."""
    names = list(best.estimators[:3])
    return " or ".join(names) + (", …" if len(best.estimators) > 3 else "")


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
    question = advice.question
    if question.budget is None:
        return "any budget"
    return seconds(question.budget) if question.by == "time" else f"{short(question.budget)} {unit}"


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
