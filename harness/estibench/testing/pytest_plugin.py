"""What pytest loads by the entry point `pytest11`: the fixture `bench_cell`. Light: pytest starts without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from estibench.testing.bench_cell import BenchCell

MISSING = "bench_cell needs pytest-benchmark, which is not there or blocked: pip install pytest-benchmark"


def pytest_configure(config: pytest.Config) -> None:
    """The fixture asks for pytest-benchmark's by name, so that its options `--benchmark-…` hold."""
    there = config.pluginmanager.hasplugin("benchmark")
    config.pluginmanager.register(_WithBenchmark() if there else _Without(), "estibench_bench_cell")


class _WithBenchmark:
    @pytest.fixture
    def bench_cell(self, benchmark: Any) -> BenchCell:
        """`bench_cell(problem, estimator)` times one estimate and returns its row: errors, work and verdicts."""
        from estibench.testing.bench_cell import BenchCell

        return BenchCell(benchmark)


class _Without:
    @pytest.fixture
    def bench_cell(self) -> None:
        """Skips: there is no pytest-benchmark."""
        pytest.skip(MISSING)
