"""The self-test of the clock: equal calls look equal, times agree with a bare loop, and drawing costs little."""

from __future__ import annotations

import gc
import math
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from estibench.measure import measure_block
from estibench.measure.device import HOST
from estibench.measure.timing import median_interval, ratio_interval, time_block
from estibench.selftest.lines import Line, share
from estibench.suite import Plan

LEVEL = 0.05
ROUNDS = 11
SIZES = (16, 64, 128, 256)
LARGE_SIZES = (16, 2048, 4096, 8192)  # on an accelerator, where all smaller products take as long as a launch
PASSES = 9  # of harness and bare loop in turns
OVERHEAD_DRAWS = 1024
OVERHEAD_GOAL = 50.0  # µs per draw


def product(size: int, device: str = HOST) -> Callable[[], Tensor]:
    """A call of known work: the product of two square matrices."""
    a, b = torch.randn(2, size, size, generator=torch.Generator().manual_seed(size)).to(device)
    return lambda: a @ b


def equal_calls(comparisons: int, device: str = HOST) -> Iterator[Line]:
    """A/A: one call twice, again and again. How often are the two said to differ in time?"""
    call = product(32, device)
    rejected, excluded = 0, 0
    gc.freeze()  # every comparison collects garbage first, which takes longer than the comparison
    for seed in range(comparisons):
        watch, baseline = time_block([call, call], device, ROUNDS, seed, 1, math.inf)
        ratio, p_value = ratio_interval(watch, baseline, 1 - LEVEL)
        rejected += p_value < LEVEL
        excluded += not ratio.low <= 1 <= ratio.high
    gc.unfreeze()
    over, goal = f"{comparisons} comparisons of {ROUNDS} rounds", (-math.inf, LEVEL)
    yield share("A/A timing", "equal calls whose times differ at 5 %", rejected, comparisons, goal, over)
    yield share("A/A timing", "equal calls whose ratio's interval excludes 1", excluded, comparisons, goal, over)


def bare_loop(device: str = HOST) -> Iterator[Line]:
    """Medians of the harness against those of a bare loop, in turns; and their order.

    The bare loop is `timeit` on the CPU, and one between two events on an accelerator.
    """
    repeat = timeit.repeat if device == HOST else partial(_between_events, device)
    calls = [product(size, device) for size in (SIZES if device == HOST else LARGE_SIZES)]
    ratios: list[list[float]] = [[] for _ in calls]
    times: list[list[list[float]]] = [[], []]
    for seed in range(PASSES):
        watches = time_block(calls, device, ROUNDS, seed, 1, math.inf)
        ours = [float(np.median(watch.wall)) for watch in watches]
        bare = [float(np.median(repeat(w.call, number=w.loops, repeat=ROUNDS))) / w.loops for w in watches]
        for sample, one, other in zip(ratios, ours, bare, strict=True):
            sample.append(one / other)
        times[0].append(ours)
        times[1].append(bare)
    over = f"{PASSES} passes"
    for size, sample in zip(SIZES if device == HOST else LARGE_SIZES, ratios, strict=True):
        subject = f"harness over bare loop, {size} × {size} product"
        yield Line("timing", subject, median_interval(sample, 1 - LEVEL), (0.9, 1.1), over, unit="")
    orders = [np.argsort(np.median(found, axis=0)).tolist() for found in times]
    same = sum(one == other for one, other in zip(*orders, strict=True))
    yield share("timing", "calls at the same place in both orders", same, len(calls), (1.0, 1.0), over)


def _between_events(device: str, call: Callable[[], Tensor], number: int, repeat: int) -> list[float]:
    """Seconds of `number` calls between two events, as often as said: what a careful user would write by hand."""
    found = []
    for _ in range(repeat):
        begin, end = (torch.Event(device=device, enable_timing=True) for _ in range(2))
        torch.accelerator.synchronize()
        begin.record()
        for _ in range(number):
            call()
        end.record()
        end.synchronize()
        found.append(begin.elapsed_time(end) * 1e-3)
    return found


def overhead(plan: Plan) -> Line:
    """CPU microseconds per draw of a whole cell whose estimator does next to nothing: the suite's first."""
    block = replace(plan.blocks[0], estimators=plan.blocks[0].estimators[:1], baseline=None)
    draws = OVERHEAD_DRAWS
    settings = replace(plan.settings, rounds=0, precision=1e-9, min_draws=draws, max_draws=draws)
    samples = []
    for seed in range(PASSES + 1):
        start = time.process_time()
        measure_block(block, replace(settings, seed=seed))
        samples.append((time.process_time() - start) / draws * 1e6)
    found = median_interval(samples[1:], 1 - LEVEL)
    over = f"{PASSES} cells of {draws} draws"
    return Line("overhead", "CPU time per draw", found, (-math.inf, OVERHEAD_GOAL), over, unit="µs")
