"""How many draws a cell gets, decided without looking at the draws that count.

A pilot of `min_draws` draws says how many are needed for the precision. That many fresh draws are then made, and they
alone enter the statistics. Their number is fixed before the first of them, so every interval and every test holds as
for a sample of fixed size: there is no optional stopping. (Stopping as soon as an interval is narrow enough prefers
samples whose error looks small: it biases the MSE downwards and loses coverage.)

A pilot whose draws are equal, or all but a handful, has seen no spread to plan by: it asks for `max_draws`, and never
counts as precise (see `rare`).

The clock may end drawing earlier. It knows the time that draws take and not their values.

Draws that an earlier measurement kept are taken first: chunks of the same streams.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from estibench.contracts import claims as declared
from estibench.measure.claims import claimed_variance, rounding_tolerance
from estibench.measure.draws import Drawer, Drawn
from estibench.measure.kept import KeptDraws
from estibench.measure.means import positive_mean_interval
from estibench.measure.seeds import chunk_seed
from estibench.measure.statistics import Moments, mse_interval
from estibench.suite.plan import Settings

LARGEST_CHUNK = 1024
MARGIN = 1.3  # draws beyond those that the pilot asks for: it knows the width of the interval only roughly
SLOWER = 1.25  # a chunk may take this much longer than the last one did per draw, and must still end in time
# Estimators that need no more than two equal draws, by the claim that says so: an exact one is a reference.
CONSTANT: dict[type[declared.Claim], str] = {declared.Exact: "deterministic", declared.Deterministic: "constant"}
PILOT, COUNTED, AGAIN = "pilot", "counted", "again"
_SEEDED = {PILOT: "pilot ", COUNTED: "", AGAIN: "again "}  # how the seeds of a stream's chunks are named


@dataclass(frozen=True)
class Sample:
    """The draws that count.

    Attributes:
        draws: estimates, (n, components), float64 on the CPU.
        errors: their standard errors of the same shape, where the estimator reports them.
        readings: what the problem reads off each draw, by column, (n,) each.
        stopped: why there are no more: deterministic, constant, rounding, precision, planned, rare, max_draws or
            time_limit.
        pilot: number of draws of the pilot, which do not count; 0 without one.
        seconds: spent drawing, pilot included.
        random: whether the estimator used its generator, or its draws differ beyond rounding.
    """

    draws: Tensor
    errors: Tensor | None
    stopped: str
    pilot: int
    seconds: float
    readings: Mapping[str, Tensor] = field(default_factory=dict)
    random: bool = True
    _moments: list[tuple[Any, Moments]] = field(default_factory=list, init=False, repr=False, compare=False)

    def moments(self, problem: Any) -> Moments:
        """The draws against the problem's truth; made once, for accuracy and claims ask for the same."""
        for known, moments in self._moments:
            if known is problem:
                return moments
        rounding, doubt = rounding_tolerance(problem), float(problem.truth_error)
        found = Moments(self.draws, problem.truth.reshape(-1), self.random, rounding, doubt)
        self._moments[:] = [(problem, found)]
        return found


def take_sample(drawer: Drawer, block_key: str, settings: Settings, kept: KeptDraws) -> Sample:
    """Pilot, plan and draws of one cell. Where min_draws = max_draws there is nothing to plan, and no pilot.

    Args:
        kept: draws to begin with; new ones are added to it.
    """
    start = time.perf_counter()
    pilot = _Stream(drawer, settings, block_key, PILOT, start, kept)
    counted = _Stream(drawer, settings, block_key, COUNTED, start, kept)
    planned = settings.min_draws < settings.max_draws
    opening = pilot if planned else counted
    first = opening.take(2)
    for claim, reason in CONSTANT.items():
        if _claims(drawer, claim) and not drawer.random and bool((first == first[0]).all()):
            return opening.sample(reason, 0)
    wanted, reason = settings.max_draws, "max_draws"
    if planned:
        values = pilot.take(settings.min_draws)
        if pilot.late or pilot.affordable() < len(values):  # the pilot decides nothing, so its draws may count
            return pilot.sample("time_limit", 0)
        wanted, reason = plan(_moments(drawer, values), drawer.problem, settings)
        if reason == "rounding" and _expects_more(drawer):
            wanted, reason = settings.max_draws, "max_draws"
    m = _moments(drawer, counted.take(wanted))
    if counted.late:
        reason = "time_limit"
    elif reason == "rounding" and math.sqrt(float(m.squared_errors.mean())) <= m.rounding:
        pass
    elif _saw_too_little(m, settings.confidence):
        reason = "rare"
    elif _precise(m, settings):
        reason = "precision"
    elif reason != "max_draws":
        reason = "planned"
    return counted.sample(reason, pilot.drawn)


def take_again(drawer: Drawer, block_key: str, settings: Settings, kept: KeptDraws, times: int) -> Sample:
    """Fresh draws, `times` as many as max_draws, for another test of claims."""
    stream = _Stream(drawer, settings, block_key, AGAIN, time.perf_counter(), kept)
    stream.take(times * settings.max_draws)
    return stream.sample("time_limit" if stream.late else "max_draws", 0)


def _claims(drawer: Drawer, kind: type[declared.Claim]) -> bool:
    """Whether the estimator makes a claim of that kind for its problem."""
    estimator, problem = drawer.estimator, drawer.problem
    return any(isinstance(claim, kind) and claim.applies(problem, estimator) for claim in estimator.claims)


def _is_random(drawer: Drawer, draws: Tensor) -> bool:
    """Whether the estimator used its generator, or its draws differ beyond rounding."""
    spread = (draws - draws[0]).norm(dim=1).max()
    return drawer.random or not bool(spread <= rounding_tolerance(drawer.problem))


def _moments(drawer: Drawer, draws: Tensor) -> Moments:
    truth = drawer.problem.truth.reshape(-1)
    return Moments(draws, truth, _is_random(drawer, draws), rounding_tolerance(drawer.problem))


def _expects_more(drawer: Drawer) -> bool:
    """Whether an estimator that has shown no error claims a variance beyond rounding: its events are rare then."""
    claimed = claimed_variance(drawer.estimator, drawer.problem)
    return drawer.random and claimed is not None and claimed > rounding_tolerance(drawer.problem) ** 2


def _saw_too_little(m: Moments, confidence: float) -> bool:
    """Whether the errors rest on too few draws that differ from the rest for an interval."""
    return bool(torch.isfinite(m.errors).all()) and math.isnan(mse_interval(m, confidence).low)


def _precise(m: Moments, settings: Settings) -> bool:
    """Whether the interval of the RMSE is as narrow as asked for."""
    return mse_interval(m, settings.confidence).root().relative_half_width <= settings.precision


def plan(pilot: Moments, problem: Any, settings: Settings) -> tuple[int, str]:
    """How many draws to make after a pilot, and why no more.

    The first of min_draws · 2^k at which the interval of the RMSE should be narrower than ± precision, or max_draws.
    """
    errors = pilot.squared_errors
    if not bool(torch.isfinite(errors).all()):
        return settings.min_draws, "precision"
    mse = positive_mean_interval(errors, settings.confidence)
    if math.sqrt(mse.high) <= rounding_tolerance(problem):
        return settings.min_draws, "rounding"
    if _saw_too_little(pilot, settings.confidence):
        return settings.max_draws, "max_draws"
    needed = MARGIN * pilot.n * (mse.root().relative_half_width / settings.precision) ** 2
    number = settings.min_draws
    while number < min(needed, settings.max_draws):
        number *= 2
    number = min(number, settings.max_draws)
    return number, "precision" if needed <= number else "max_draws"


def chunk_end(start: int) -> int:
    """Where the chunk of draws ends that begins at `start`: 2, 16, 32, … doubling, then in steps of 1024.

    The boundaries do not depend on how many draws are wanted: a sample is the beginning of every larger one. The last
    chunk is drawn whole and cut; but a loop, whose draws come one after the other, stops where it is enough.
    """
    return max(16, min(2 * start, start + LARGEST_CHUNK)) if start else 2


def chunk_start(drawn: int) -> int:
    """Where the chunk began in which the last of so many draws ended; `drawn` itself, where it is whole."""
    start = 0
    while chunk_end(start) <= drawn:
        start = chunk_end(start)
    return start


@dataclass
class _Stream:
    """Draws by chunks, until enough or until the time is up."""

    drawer: Drawer
    settings: Settings
    block_key: str
    name: str
    start: float
    kept: KeptDraws
    wanted: int = 0
    late: bool = False
    per_draw: float = 0.0

    @property
    def drawn(self) -> int:
        """Draws so far, those of earlier measurements included: whole chunks, or to where a loop has stopped."""
        return len(self.kept.values.get(self.name, ()))

    def take(self, wanted: int) -> Tensor:
        """The first `wanted` draws, or as many as there is time for: two at least."""
        self.wanted = wanted
        drawn = whole = chunk_start(self.drawn) if self.drawn < wanted else self.drawn
        parts: list[Drawn] = []
        while drawn < wanted:
            end = chunk_end(drawn)
            size = (min(end, wanted) if self.drawer.path == "loop" else end) - drawn
            self.late = drawn > 0 and self.affordable() < size
            if self.late:
                break
            began = time.perf_counter()
            seed = chunk_seed(self.settings.seed, self.block_key, f"{_SEEDED[self.name]}{drawn}")
            parts.append(self.drawer.draw(size, seed))
            drawn += size
            self.per_draw = (time.perf_counter() - began) / size
        if parts:  # a chunk in which a loop has stopped was drawn anew, from its seed
            self._keep(whole)
        _extend(self.kept.values, self.name, [part.values for part in parts])
        _extend(self.kept.errors, self.name, [part.errors for part in parts if part.errors is not None])
        _extend(self.kept.readings, self.name, [part.readings for part in parts if part.readings is not None])
        return self.kept.values[self.name][:wanted]

    def _keep(self, first: int) -> None:
        """The first so many draws, and no more."""
        for known in (self.kept.values, self.kept.errors, self.kept.readings):
            if self.name in known:
                known[self.name] = known[self.name][:first]

    def affordable(self) -> float:
        """How many more draws there is time for, at the speed of the last chunk."""
        left = self.settings.time_limit - (time.perf_counter() - self.start)
        return left / max(SLOWER * self.per_draw, 1e-9)

    def sample(self, stopped: str, pilot: int) -> Sample:
        """What was drawn."""
        errors = self.kept.errors.get(self.name)
        seconds = time.perf_counter() - self.start
        values = self.kept.values[self.name][: self.wanted]
        readings = {}
        if self.name in self.kept.readings:
            columns = self.kept.readings[self.name][: self.wanted].unbind(1)
            readings = dict(zip(self.drawer.columns, columns, strict=True))
        errors = None if errors is None else errors[: self.wanted]
        return Sample(values, errors, stopped, pilot, seconds, readings, _is_random(self.drawer, values))


def _extend(known: dict[str, Tensor], name: str, parts: list[Tensor]) -> None:
    if parts:
        known[name] = torch.cat([known[name], *parts] if name in known else parts)
