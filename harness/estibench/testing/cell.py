"""The row of one cell, measured in this process by the harness's own protocol: for a plugin author's tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from estibench.analysis.verdicts import judge
from estibench.measure.claims import LOOKS, confirmed, is_doubtful
from estibench.measure.draws import Drawer
from estibench.measure.kept import KeptDraws
from estibench.measure.metrics import Row, accuracy, finiteness
from estibench.measure.metrics import claims as evidence_of
from estibench.measure.sampling import Sample, take_again, take_sample
from estibench.suite.plan import Settings
from estibench.testing.case import CHUNK, Case

BLOCK = "conformance"  # names the randomness of the draws


@dataclass(frozen=True)
class Drawing:
    """The draws of a case, made as a run makes them.

    Attributes:
        again: draws afresh, so many times as many, for another test of claims.
    """

    case: Case
    settings: Settings
    drawer: Drawer
    sample: Sample
    again: Callable[[int], Sample]

    def evidence(self) -> list[dict[str, Any]]:
        """The evidence for every claim; doubtful ones are tested on fresh draws too."""
        case = self.case

        def test(sample: Sample) -> list[dict[str, Any]]:
            found = evidence_of(sample, case.problem, case.work.counts, self.settings, case.estimator)["claims"]
            assert isinstance(found, list)
            return found

        found = test(self.sample)
        for times in LOOKS:
            if is_doubtful(found):
                found = confirmed(found, test(self.again(times)))
        return found


def draw(case: Case) -> Drawing:
    """As many draws as the case's effort allows."""
    effort = case.effort
    settings = Settings(
        seed=effort.seed, min_draws=effort.draws, max_draws=effort.draws, time_limit=effort.seconds, rounds=0
    )
    kept = KeptDraws()
    drawer = Drawer(case.estimator, case.problem, max(1, CHUNK // max(case.work.peak_bytes, 1)))
    sample = take_sample(drawer, BLOCK, settings, kept)
    return Drawing(case, settings, drawer, sample, lambda times: take_again(drawer, BLOCK, settings, kept, times))


def measure_case(case: Case) -> Row:
    """Errors with their intervals, counted work, memory and verdicts on claims: columns as in a run's table."""
    drawing = draw(case)
    sample, work = drawing.sample, case.work
    row: Row = {
        "status": "ok",
        **{f"cost_{unit}": amount for unit, amount in sorted(work.counts.items())},
        "flops": work.flops,
        "peak_bytes": work.peak_bytes,
        "draws": len(sample.draws),
        "draw_path": drawing.drawer.path,
        "stopped": sample.stopped,
        **finiteness(sample.draws, drawing.settings.confidence),
    }
    if row["status"] == "ok":
        row |= accuracy(sample, case.problem, drawing.settings) | {"claims": drawing.evidence()}
        judge([row])
    return row


def call_of(case: Case) -> Callable[[], Tensor]:
    """One plain estimate, as it is timed."""
    estimator, problem, stream = case.estimator, case.problem, case.stream()
    return lambda: estimator.estimate(problem, stream)
