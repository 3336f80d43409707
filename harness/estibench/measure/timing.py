"""Paired timing of the estimators of a block, interleaved so that drift of the machine hits all of them alike."""

from __future__ import annotations

import math
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from estibench.measure.clock import Flush, elapsed, flusher, quiet
from estibench.measure.intervals import Interval
from estibench.measure.limits import Limits
from estibench.measure.memory import release

NO_LIMITS = Limits()
MIN_EPOCH = 1e-3
MIN_RESOLUTIONS = 1000


@dataclass
class Stopwatch:
    """One timed call with its epochs.

    Attributes:
        loops: calls per epoch, calibrated to at least 1 ms and 1000 clock resolutions.
        wall, cpu: seconds per call of each round, NaN where the call no longer took part.
        error: what the call raised while it was timed; it takes no part from then on.
        epoch: seconds that one more epoch is expected to take.
        flush: what empties the device's cache before each call; None where calls find in it what the last one left.
    """

    call: Callable[[], Any]
    loops: int = 1
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    error: BaseException | None = None
    epoch: float = 0.0
    flush: Flush | None = None

    @property
    def spent(self) -> float:
        """Wall seconds so far."""
        return float(np.nansum(self.wall)) * self.loops

    def calibrate(self, device: str) -> None:
        """Choose `loops`. Also warms up: the calls made here are thrown away."""
        try:
            self.loops, self.epoch = _calibrate(self.call, device, self.flush)
        except (Exception, SystemExit) as error:  # a plugin's estimator may fail in any way
            self._give_up(error, device)

    def time(self, device: str, time_limit: float, left: float = math.inf) -> None:
        """One epoch, unless the call has failed, used up its time or would not end in what is left.

        A short call is made once beforehand: other calls' epochs have displaced its data from the caches.
        """
        wall, cpu = math.nan, math.nan
        if self.error is None and self.spent <= time_limit and self.epoch <= left:
            try:
                if self.loops > 1:
                    self.call()
                wall, cpu = elapsed(device, self.call, self.loops, self.flush)
            except (Exception, SystemExit) as error:  # a plugin's estimator may fail in any way
                self._give_up(error, device)
        self.wall.append(wall / self.loops)
        self.cpu.append(cpu / self.loops)

    def _give_up(self, error: BaseException, device: str) -> None:
        """Keep the error, and nothing that its frames hold: the others need the memory."""
        self.error = error
        traceback.clear_frames(error.__traceback__)
        release(device)


def time_block(
    calls: Sequence[Callable[[], Any]],
    device: str,
    rounds: int,
    seed: int,
    threads: int,
    time_limit: float,
    watch: Callable[[int], None] = lambda index: None,
    limits: Limits = NO_LIMITS,
    known: Sequence[float] = (),
    cold: bool = False,
) -> list[Stopwatch]:
    """Wall and CPU seconds per call: `rounds` epochs of every call, in a random cyclic Latin-square order.

    A call that has used up `time_limit` seconds takes no part in later rounds.

    Args:
        watch: told which call comes next, outside of what is timed.
        limits: a call that would not end by then is not made. If it never was, its only time is the known one.
        known: seconds of one call each, where there are limits.
        cold: empty the cache of an accelerator before each call, where torch knows how large it is.
    """
    watches = [Stopwatch(call, epoch=seconds) for call, seconds in zip(calls, known or [0.0] * len(calls), strict=True)]
    if rounds == 0:
        return watches
    flush = flusher(device) if cold else None
    for stopwatch in watches:
        stopwatch.flush = flush
    with quiet(threads):
        for index, stopwatch in enumerate(watches):
            if stopwatch.epoch <= limits.left():
                watch(index)
                stopwatch.calibrate(device)
        for order in _latin_orders(len(watches), rounds, seed):
            for index in order:
                watch(index)
                watches[index].time(device, time_limit, limits.left())
    for stopwatch in watches:
        if stopwatch.error is None and all(math.isnan(seconds) for seconds in stopwatch.wall):
            stopwatch.wall[-1] = stopwatch.epoch / stopwatch.loops
    return watches


def median_interval(samples: Sequence[float], confidence: float) -> Interval:
    """Median with its distribution-free interval of order statistics (the sign test's); NaNs are left out.

    With too few samples for the confidence (5 or fewer at 95 %) the bounds are infinite.
    """
    ordered = np.sort([sample for sample in samples if not math.isnan(sample)])
    n = len(ordered)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    below = int(np.searchsorted(special.bdtr(np.arange(n + 1), n, 0.5), (1 - confidence) / 2))
    if below == 0:
        return Interval(float(np.median(ordered)), -math.inf, math.inf)
    return Interval(float(np.median(ordered)), float(ordered[below - 1]), float(ordered[n - below]))


def spread(samples: Sequence[float]) -> float:
    """Interquartile range over the median: how noisy the rounds were. NaNs are left out; NaN for no sample."""
    known = [sample for sample in samples if not math.isnan(sample)]
    if not known:
        return math.nan
    lower, middle, upper = np.quantile(known, (0.25, 0.5, 0.75))
    return float((upper - lower) / middle) if middle > 0 else 0.0


def ratio_interval(watch: Stopwatch, baseline: Stopwatch, confidence: float) -> tuple[Interval, float]:
    """Ratio of times per call, paired by round: median with CI, and the sign test's p-value for a ratio of 1."""
    pairs = zip(watch.wall, baseline.wall, strict=True)
    logs = [math.log(one / other) for one, other in pairs if not math.isnan(one + other)]
    found = median_interval(logs, confidence)
    ratio = Interval(*(math.exp(number) for number in (found.value, found.low, found.high)))
    different = [log for log in logs if log != 0]
    above = sum(log > 0 for log in different)
    p_value = min(1.0, 2 * float(special.bdtr(min(above, len(different) - above), len(different), 0.5)))
    return ratio, p_value


def _calibrate(call: Callable[[], Any], device: str, flush: Flush | None = None) -> tuple[int, float]:
    """Calls per epoch, and its seconds."""
    goal = max(MIN_EPOCH, MIN_RESOLUTIONS * time.get_clock_info("perf_counter").resolution)
    loops = 1
    while True:
        wall, _ = elapsed(device, call, loops, flush)
        if wall >= goal:
            return loops, wall
        loops = max(loops + 1, min(10 * loops, math.ceil(1.2 * loops * goal / max(wall, 1e-9))))


def _latin_orders(n: int, rounds: int, seed: int) -> list[list[int]]:
    """An order of n calls for each round: cyclic shifts of a random permutation, a new one after n rounds."""
    chooser = random.Random(seed)
    orders: list[list[int]] = []
    while len(orders) < rounds:
        base = chooser.sample(range(n), n)
        shifts = chooser.sample(range(n), n) or [0]
        orders.extend(base[shift:] + base[:shift] for shift in shifts)
    return orders[:rounds]
