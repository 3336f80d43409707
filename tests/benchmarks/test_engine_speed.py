"""What keeping results and isolating cells cost."""

import time

import pytest

from estibench import host as plugin_host
from estibench.engines import Context
from estibench.host.components import make
from estibench.measure import measure
from estibench.runs.book import Book
from estibench.runs.session import make_engine
from estibench.suite import Block, Plan, Settings, Work

SETTINGS = Settings(precision=1e-9, min_draws=128, max_draws=128, rounds=0)


def blocks(host, number, cells, baseline=0):
    """Blocks of cells that do next to nothing."""
    estimators = tuple(make(host, "estimator", "additive", {"scale": 1.0 + k}) for k in range(cells))
    problems = (make(host, "problem", "constant", {"seed": seed}) for seed in range(number))
    return tuple(Block(problem, "synthetic", "cpu", "float64", estimators, baseline) for problem in problems)


def plan(host, tmp_path, found):
    return Plan("speed", "", "", tmp_path, "", found, SETTINGS, False, (), (), (), ())


@pytest.mark.parametrize("baseline", [None, 0])
def test_store_overhead_per_cell(benchmark, host, report, tmp_path, baseline):
    """Milliseconds per cell to keep an accuracy with its draws, synced to the disk; with a baseline also to compare."""
    found = blocks(host, 20, 5, baseline)
    measured = [one for block in found for one in measure(Work(block, tuple(range(5))), SETTINGS)]

    def keep():
        place = tmp_path / str(time.perf_counter_ns())
        place.mkdir()
        book = Book(host, plan(host, tmp_path, found), place)
        start = time.perf_counter()
        for one in measured:
            list(book.take(one))
        return (time.perf_counter() - start) / len(measured) * 1e3

    keep()
    used = benchmark.pedantic(keep, rounds=5)
    what = "store" if baseline is None else "store, and the ratio to the baseline"
    report(f"{what}: {used:.2f} ms per cell, goal 2")


@pytest.mark.parametrize(("name", "options"), [("serial", {}), ("local", {}), ("dask", {"jobs": 2})])
def test_engine_overhead_per_cell(benchmark, report, tmp_path, name, options):
    """Milliseconds per cell, 100 blocks of 5 on. The first blocks pay for the start of processes."""
    host = plugin_host.current()
    works = [Work(block, tuple(range(5))) for block in blocks(host, 200, 5)]

    def run():
        clock = []
        for _ in make_engine(host, name, options).run(works, SETTINGS, Context(tmp_path / "logs")):
            clock.append(time.perf_counter())
        assert len(clock) == 1000
        return (clock[-1] - clock[499]) / 500 * 1e3

    used = benchmark.pedantic(run, rounds=1)
    report(f"{name} {options}: {used:.2f} ms per cell of 128 draws")
