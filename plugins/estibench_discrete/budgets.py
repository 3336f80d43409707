"""A section of the report: who is best at equal budgets, and which rankings flip between problems.

MSE × work compares unbiased estimators: whatever the budget, averaging buys the same. A bias does not average out. So
estimators are compared here at a budget of B: repeated and averaged until B is spent, at work w for one estimate, the
error is bias² + variance · w/B.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench import Results

Row = Mapping[str, Any]
EVALUATIONS = (16.0, 1024.0, 65536.0)
SECONDS = (1e-3, 1e-1, 10.0)
CLEAR = 1.5  # ratio of errors that counts as ahead
MOST_PAIRS = 8
INTRODUCTION = (
    "Expected error of averages that spend the same, bias² + variance · cost/budget; the exact gradient is left out.\n"
    "An unbiased estimator gains from every budget, a biased one only until its bias is left. Where theory gives the\n"
    "bias it is taken from there; a measured bias that may be 0 counts with its upper bound."
)


def sections(results: Results) -> list[tuple[str, str]]:
    """The section, if the run has gradients of the task `discrete_gradient`."""
    frame = results.frame
    if frame.empty or "bias_squared" not in frame:
        return []
    rows = [
        {str(key): value for key, value in row.items()}
        for row in frame[(frame["task"] == "discrete_gradient") & (frame["status"] == "ok")].to_dict("records")
    ]
    rows = [row for row in rows if row.get("stopped") != "deterministic"]
    blocks = [
        list(some) for _, some in itertools.groupby(rows, lambda row: (row["problem"], row["dtype"], row["device"]))
    ]
    blocks = [block for block in blocks if len(block) > 1]
    if not blocks:
        return []
    parts = [INTRODUCTION]
    for cost, unit, budgets in (("work", "evaluations", EVALUATIONS), ("time", "seconds", SECONDS)):
        if all(cost in row for block in blocks for row in block):
            parts += [_winners(blocks, cost, unit, budgets), _flips(blocks, cost, unit, budgets[1])]
    return [("Rankings at equal budgets", "\n\n".join(part for part in parts if part))]


def squared_bias(row: Row) -> float:
    """What is known of a cell's squared bias."""
    for claim in row["claims"] if isinstance(row.get("claims"), list) else []:
        if claim["p_value"] > 0 and claim["claim"].startswith("unbiased"):
            return 0.0
        if claim["p_value"] > 0 and claim["claim"].startswith("bias"):
            return float(claim["claimed"]) ** 2
    open_to_0 = row["bias_squared_low"] <= 0  # and not where the bounds are absent
    return max(float(row["bias_squared_high"] if open_to_0 else row["bias_squared"]), 0.0)


def error_at(row: Row, cost: str, budget: float) -> float | None:
    """Expected squared error of the average that a budget buys, rounding at least; None where it buys no estimate."""
    if not 0 < row[cost] <= budget:
        return None
    error = squared_bias(row) + float(row["variance"]) * float(row[cost]) / budget
    return max(error, float(row["rounding"]) ** 2)


def _errors(block: Iterable[Row], cost: str, budget: float) -> dict[str, float]:
    found = {str(row["estimator"]): error_at(row, cost, budget) for row in block}
    return {name: error for name, error in found.items() if error is not None}


def _winners(blocks: Sequence[Sequence[Row]], cost: str, unit: str, budgets: Sequence[float]) -> str:
    """The best of each block, for each budget, as lines of text."""
    head = ["problem", *(f"{budget:g} {unit}" for budget in budgets)]
    table = [head]
    for block in blocks:
        best = []
        for budget in budgets:
            errors = _errors(block, cost, budget)
            best.append(min(errors, key=lambda name: errors[name]) if errors else "–")
        table.append([str(block[0]["problem"]), *best])
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines = ["   ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([f"Best at equal {unit}", lines[0], "─" * len(lines[0]), *lines[1:]])


def _flips(blocks: Sequence[Sequence[Row]], cost: str, unit: str, budget: float) -> str:
    """Pairs of estimators each of which is clearly ahead somewhere, most contested first, one for any two families."""
    by_block = [(str(block[0]["problem"]), _errors(block, cost, budget)) for block in blocks]
    families = {str(row["estimator"]): str(row["family"]) for block in blocks for row in block}
    found = []
    for one, other in itertools.combinations(families, 2):
        both = [(problem, errors[one], errors[other]) for problem, errors in by_block if {one, other} <= errors.keys()]
        ahead = [(b / a, problem) for problem, a, b in both if b > CLEAR * a]
        behind = [(a / b, problem) for problem, a, b in both if a > CLEAR * b]
        if ahead and behind and families[one] != families[other]:
            found.append((min(len(ahead), len(behind)), one, other, ahead, behind))
    if not found:
        return f"No ranking flips between problems at {budget:g} {unit}."
    found.sort(key=lambda flip: -flip[0])
    most = {frozenset((families[flip[1]], families[flip[2]])): flip for flip in reversed(found)}
    lines = [
        f"Rankings that flip between problems at {budget:g} {unit}",
        f"{len(found)} pairs of estimators are each clearly ahead somewhere, with {CLEAR:g} times less error; the most "
        "contested:",
    ]
    for _, one, other, ahead, behind in sorted(most.values(), key=lambda flip: -flip[0])[:MOST_PAIRS]:
        lines.append(f"{one} against {other}: ahead on {len(ahead)}, behind on {len(behind)}")
        for word, (ratio, problem) in (("ahead", max(ahead)), ("behind", max(behind))):
            lines.append(f"    {word} by {ratio:.3g} times on {problem}")
    return "\n".join(lines)
