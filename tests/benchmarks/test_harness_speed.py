"""What the harness itself costs."""

import resource
import subprocess
import sys
import time

import pytest

from estibench.host.components import make
from estibench.measure import measure_block
from estibench.suite import Block, Settings


@pytest.mark.parametrize("draws", [1024, 4096, 16384])
def test_overhead_per_draw(benchmark, host, report, draws):
    """CPU microseconds per draw of a cell without timing, whose estimator does next to nothing.

    All of it: as many draws of the pilot, statistics, claims, first call and memory pass.
    """
    problem = make(host, "problem", "constant", {})
    block = Block(problem, "synthetic", "cpu", "float64", (make(host, "estimator", "additive", {}),), None)
    settings = Settings(precision=1e-9, min_draws=draws, max_draws=draws, rounds=0)

    def cell():
        start = time.process_time()
        (row,) = measure_block(block, settings)
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
