"""The suite of known estimators repeated with other seeds: do intervals cover, do verdicts hold?"""

from __future__ import annotations

import math
import signal
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Any

import torch

from estibench import host as plugin_host
from estibench.contracts.known import Known
from estibench.errors import UserError
from estibench.host import Host
from estibench.measure import measure_block
from estibench.results.frame import identity, to_frame
from estibench.selftest.lines import UNJUDGED, Line, mean_share, share
from estibench.suite import Block, Plan

NOMINAL = (0.93, 0.97)
AT_LEAST = (0.93, 1.0)
CONSERVATIVE = ("component_rmse_max", "component_bias_max")  # by construction: see `measure.statistics`
LEVEL = 0.05
SELDOM = 0.01
RARE_REPETITIONS = 200  # of the estimators of rare events: they are many
ROUNDING = 1e-9
SINGLE_TESTS = (-math.inf, 0.07)  # an interval that covers with 93 % is a test that rejects 7 %
POWER = (0.8, 1.0)
PROMISE = "promised power"
SHORTFALL = 0.05  # by which a measured power may stay below the promised one


@dataclass(frozen=True)
class Outcome:
    """Something that was right or wrong in one repetition.

    Attributes:
        check, subject: the line that it belongs to.
        hit: whether it happened.
        goal: of the line.
    """

    check: str
    subject: str
    hit: float
    goal: tuple[float, float]


@dataclass
class _Tally:
    goal: tuple[float, float]
    by_repetition: list[float] = field(default_factory=list)
    cells: int = 1


def repeat(plan: Plan, repetitions: int, jobs: int, plugins: Iterable[str]) -> Iterator[list[Outcome]]:
    """The outcomes of each repetition, in worker processes, in the order of the seeds.

    Raises:
        UserError: the suite has an estimator about which not everything is known.
    """
    for block in plan.blocks:
        for component in block.estimators:
            if not isinstance(component.build(plugin_host.current()), Known):
                raise UserError(f"{plan.path}: {component.label}: a self-test needs estimators of the kind `Known`")
    quick = replace(plan, settings=replace(plan.settings, rounds=0))
    rest = replace(quick, blocks=tuple(_without_rare(block) for block in quick.blocks))
    plans = [quick if seed < RARE_REPETITIONS else rest for seed in range(repetitions)]
    if jobs == 1:
        yield from map(once, plans, range(repetitions))
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start, (list(plugins),))
    try:
        yield from pool.map(once, plans, range(repetitions), chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _without_rare(block: Block) -> Block:
    """The block without the estimators of rare events."""
    built = [component.build(plugin_host.current()) for component in block.estimators]
    kept = [at for at, one in enumerate(built) if not (isinstance(one, Known) and one.is_rare)]
    baseline = None if block.baseline is None else kept.index(block.baseline)
    return replace(block, estimators=tuple(block.estimators[at] for at in kept), baseline=baseline)


def _start(plugins: list[str]) -> None:
    """Make a worker ready. Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    plugin_host.start(plugins)


def once(plan: Plan, seed: int) -> list[Outcome]:
    """Measure every block with one seed and compare with what is known."""
    host = plugin_host.current()
    rows, estimators = measure(host, plan, seed)
    outcomes: list[Outcome] = []
    families: list[float] = []
    for row in to_frame(rows).to_dict("records"):
        estimator, problem = estimators[row["key"]]
        if row["status"] not in ("ok", "not_finite"):
            continue
        outcomes += _coverage(row, estimator.known(problem, plan.settings.confidence), estimator)
        claims = row["claims"] if isinstance(row["claims"], list) else []
        for claim in claims:
            if claim["claim"] in estimator.false_claims:
                outcomes += _power(row, claim)
                continue
            outcomes += _true_claim(claim, estimator)
            if estimator.is_rare:
                refuted = float(claim["verdict"] == "refuted")
                outcomes.append(
                    Outcome("false refutation", "true claims about rare events", refuted, (-math.inf, SELDOM))
                )
            if estimator.coverable:
                families.append(float(claim["verdict"] == "refuted"))
    any_refuted = float(any(families))
    return [*outcomes, Outcome("false refutation", "any true claim of a run", any_refuted, (-math.inf, LEVEL))]


def measure(host: Host, plan: Plan, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of all cells without times, and by their keys the estimators and problems."""
    torch.set_num_threads(plan.settings.threads)
    settings = replace(plan.settings, seed=seed, rounds=0)
    rows: dict[str, dict[str, Any]] = {}
    estimators = {}
    for block in plan.blocks:
        problem = block.problem.build(host).at(block.device, block.dtype)
        for cell, row in zip(block.cells, measure_block(block, settings), strict=True):
            key = cell.identity
            rows[key] = identity(cell, plan.name) | row | {"key": key}
            estimators[key] = (cell.estimator.build(host), problem)
    return list(rows.values()), estimators


def lines(outcomes: Iterable[list[Outcome]]) -> list[Line]:
    """One line for each subject, over all repetitions."""
    tallies: dict[tuple[str, str], _Tally] = {}
    for repetition in outcomes:
        found = defaultdict(list)
        for outcome in repetition:
            found[outcome.check, outcome.subject].append(outcome)
        for name, some in found.items():
            tally = tallies.setdefault(name, _Tally(some[0].goal))
            tally.by_repetition.append(sum(outcome.hit for outcome in some) / len(some))
            tally.cells = max(tally.cells, len(some))
    made = []
    for (check, subject), tally in tallies.items():
        over = f"{len(tally.by_repetition)} repetitions" + (f" × {tally.cells} cells" if tally.cells > 1 else "")
        goal = tally.goal
        promise = tallies.get((PROMISE, subject))
        if promise is not None:
            mean = sum(promise.by_repetition) / len(promise.by_repetition)
            goal, over = (mean - SHORTFALL, 1.0), f"{over}; promised {100 * mean:.1f} %"
        if check != PROMISE:
            fractions = torch.tensor(tally.by_repetition, dtype=torch.float64)
            made.append(mean_share(check, subject, fractions, tally.cells, goal, over))
    return sorted(made, key=lambda line: (line.check, line.goal == UNJUDGED))


def deterministic(plan: Plan, seed: int = 0) -> Line:
    """How many cells have the same accuracy columns, bit for bit, when everything is measured in the reverse order."""
    host = plugin_host.current()
    forth, _ = measure(host, plan, seed)
    back, _ = measure(host, replace(plan, blocks=tuple(_reversed(block) for block in reversed(plan.blocks))), seed)
    other = {row["key"]: row for row in back}
    same = sum(_without_times(row) == _without_times(other[row["key"]]) for row in forth)
    return share("determinism", "cells equal bit for bit in reverse order", same, len(forth), (1.0, 1.0), "one seed")


def _reversed(block: Block) -> Block:
    last = len(block.estimators) - 1
    baseline = None if block.baseline is None else last - block.baseline
    return replace(block, estimators=block.estimators[::-1], baseline=baseline)


def _without_times(row: dict[str, Any]) -> str:
    return repr(sorted((name, value) for name, value in row.items() if "time" not in name))


def _coverage(row: dict[Any, Any], known: Any, estimator: Known) -> Iterator[Outcome]:
    """Whether each interval covers what is known. The baseline's ratio to itself has none.

    Where events are rare an interval may be absent, which is as good as one that covers: it says that nothing is known.
    """
    for quantity, truth in known.items():
        if quantity == "mse_ratio" and row["estimator"] == row.get("baseline"):
            continue
        low, high = row[f"{quantity}_low"], row[f"{quantity}_high"]
        slack, absent = ROUNDING * abs(truth), math.isnan(low) and math.isnan(high)
        goal = AT_LEAST if estimator.is_rare or quantity in CONSERVATIVE else NOMINAL
        yield Outcome(
            "coverage",
            f"{quantity}, {estimator.tails}",
            float((estimator.is_rare and absent) or low - slack <= truth <= high + slack),
            goal if estimator.coverable else UNJUDGED,
        )
        if estimator.is_rare and quantity == "mse":
            yield Outcome("an interval is given", f"{quantity}, {estimator.tails}", float(not absent), UNJUDGED)


def _power(row: dict[Any, Any], claim: dict[str, Any]) -> Iterator[Outcome]:
    """Whether a false claim was refuted, and the probability that its evidence gave to that."""
    subject = f"{row['estimator']}: {claim['claim']}, {row['components']:.0f} components"
    yield Outcome("power", subject, float(claim["verdict"] == "refuted"), POWER)
    if str(row["estimator_name"]).startswith("claims_"):
        yield Outcome(PROMISE, subject, claim["power"], POWER)


def _true_claim(claim: dict[str, Any], estimator: Known) -> Iterator[Outcome]:
    """Whether a test at 5 % rejects a true claim; counted and exact ones never may."""
    judged = estimator.coverable
    subject = f"{claim['claim']}, {estimator.tails}"
    yield Outcome(
        "false rejection at 5 %", subject, float(claim["p_value"] < LEVEL), SINGLE_TESTS if judged else UNJUDGED
    )
    if "exponent_of" in claim:  # with few points its interval is conservative: Student's t on the scatter
        covered = float(claim["low"] - ROUNDING <= claim["claimed"] <= claim["high"] + ROUNDING)
        subject = f"exponent of {claim['exponent_of']}, {estimator.tails}"
        yield Outcome("coverage", subject, covered, AT_LEAST if judged else UNJUDGED)
