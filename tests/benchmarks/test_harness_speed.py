"""What the harness itself costs."""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
import torch

from estibench import Estimator
from estibench.measure import block as measure
from estibench.suite import Settings


@dataclass(frozen=True)
class NoOperation(Estimator):
    """Costs nothing by itself: all that is measured is overhead."""

    def estimate(self, problem, generator):
        return torch.randn(problem.truth.shape, generator=generator, dtype=problem.torch_dtype)


@pytest.mark.parametrize("draws", [1024, 4096, 16384])
def test_overhead_per_draw(benchmark, build, report, draws):
    """CPU microseconds per draw of a cell without timing: draws, statistics, claims, first call and memory pass."""
    problem = build("problem", "matrix", dim=8)
    problem.truth, problem.operator()
    settings = Settings(precision=1e-9, min_draws=draws, max_draws=draws)

    class AnyBlock:
        key = "0"
        device = "cpu"

    def cell():
        start = time.process_time()
        row = measure._measure_cell(NoOperation(), problem, AnyBlock, settings)
        assert row["draws"] == draws
        return (time.process_time() - start) / draws * 1e6

    cell()
    used = benchmark.pedantic(cell, rounds=5)
    benchmark.extra_info["cpu_microseconds_per_draw"] = used
    report(f"overhead at {draws} draws: {used:.1f} µs of CPU per draw, goal 50")


def test_help(benchmark, report):
    """CPU seconds of `bench --help`, children included."""

    def help_seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "estibench", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    help_seconds()
    used = min(help_seconds() for _ in range(10))
    benchmark.pedantic(help_seconds, rounds=5)
    benchmark.extra_info["cpu_seconds"] = used
    report(f"bench --help: {used:.3f} s of CPU, goal 0.15")
