"""Benchmarks compare only inside one interleaved run; the comparison goes into `extra_info` and is printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from estibench.measure.timing import Stopwatch, median_interval, time_block

LINES = pytest.StashKey[list[str]]()


def pytest_configure(config):
    config.stash[LINES] = []


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[LINES]:
        terminalreporter.section("findings")
        for line in config.stash[LINES]:
            terminalreporter.write_line(line)


@pytest.fixture
def report(request) -> Callable[[str], None]:
    """Prints a line at the end of the session."""
    return request.config.stash[LINES].append


@pytest.fixture
def compare(benchmark, request, report) -> Callable[..., None]:
    """`compare(calls, ratio, goal)`: times the calls round by round and reports the ratio of each round.

    Args:
        calls: name → call; all are timed in every round, in a Latin-square order.
        ratio: per-round seconds by name → the number of interest.
        goal: what the ratio should not exceed. Reported, never asserted.
    """

    def run(
        calls: Mapping[str, Callable[[], Any]],
        ratio: Callable[[dict[str, float]], float],
        goal: float,
        rounds: int = 31,
    ) -> None:
        torch.set_num_threads(1)
        watches: list[Stopwatch] = []

        def interleave() -> None:
            watches[:] = time_block(list(calls.values()), "cpu", rounds, seed=0, threads=1, time_limit=math.inf)

        benchmark.pedantic(interleave, rounds=1)
        by_round = [
            dict(zip(calls, walls, strict=True)) for walls in zip(*(watch.wall for watch in watches), strict=True)
        ]
        found = median_interval([ratio(walls) for walls in by_round], 0.95)
        verdict = "met" if found.value <= goal else "missed"
        line = f"{request.node.name}: {found.value:.3f} [{found.low:.3f}, {found.high:.3f}], goal {goal:g} {verdict}"
        benchmark.extra_info.update(ratio=found.value, low=found.low, high=found.high, goal=goal)
        report(line)

    return run
