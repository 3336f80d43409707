"""The fixture `bench_cell`: one cell inside pytest-benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from estibench import host as plugin_host
from estibench.errors import UserError
from estibench.exports.pytest_benchmark import extra_info
from estibench.measure.device import pinned
from estibench.measure.metrics import Row, columns
from estibench.measure.timing import median_interval
from estibench.testing.case import Case, Effort
from estibench.testing.cell import call_of, measure_case
from estibench.testing.subjects import Example, resolve

CONFIDENCE = 0.95


@dataclass(frozen=True)
class BenchCell:
    """Measures a cell: accuracy by the harness, time by pytest-benchmark's fixture."""

    benchmark: Any

    def __call__(self, problem: Any, estimator: Any, *, draws: int = 512, seconds: float = 5.0, seed: int = 0) -> Row:
        """The cell's row, with columns as in a run's table; what of it is a number is kept in `extra_info` too.

        Args:
            problem: an instance, or a registered name or class, of which the first example is taken.
            estimator: likewise.
            draws: on which errors and claims rest.
            seconds: that drawing may take.
            seed: of the draws.

        Raises:
            estibench.testing.NotApplicable: the estimator says that it is unsupported; pytest skips the test.
        """
        one, other = _example(problem, "problem"), _example(estimator, "estimator")
        case = Case(other.instance, one.instance, Effort(draws, seconds, seed))
        with pinned(1):
            _ = case.first
            row: Row = {"problem": one.label, "estimator": other.label, **measure_case(case)}
            self.benchmark(call_of(case))
        if self.benchmark.stats is not None:  # None where benchmarks are disabled
            rounds = self.benchmark.stats.stats.data
            row |= columns({"time": median_interval(rounds, CONFIDENCE)})
            row |= {"time_rounds": len(rounds), "time_loops": self.benchmark.stats.iterations}
        self.benchmark.extra_info.update(problem=one.label, estimator=other.label, **extra_info(row))
        return row


def _example(thing: Any, kind: str) -> Example:
    (subject,) = resolve(thing, plugin_host.current(), (kind,))
    if not subject.examples:
        raise UserError(f"{subject.name} cannot be made: give an instance, or the class attribute `examples`")
    return subject.examples[0]
