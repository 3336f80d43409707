"""Single calls of an estimator, plain or compiled: what is timed, and what is asked of one outside of its timing."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench import host as plugin_host
from estibench.contracts.estimator import Estimator
from estibench.contracts.fit import Fit
from estibench.contracts.samples import SampleSet
from estibench.host.components import PLAIN, Component
from estibench.measure.clock import kernel_seconds
from estibench.measure.compiled import compiled, settle
from estibench.measure.device import synchronise
from estibench.measure.limits import Limits


@dataclass(frozen=True)
class SingleCall:
    """One call of an estimator, as it is timed. The estimator is built when it is first needed.

    Attributes:
        mode: how it is compiled, whatever the component says.
    """

    component: Component
    problem: Any
    stream: torch.Generator
    mode: str = PLAIN

    @cached_property
    def estimator(self) -> Estimator:
        found = self.component.build(plugin_host.current())
        assert isinstance(found, Estimator)
        return found if self.mode == PLAIN else compiled(found, self.mode)

    def __call__(self) -> Tensor | SampleSet | Fit:
        return self.estimator.estimate(self.problem, self.stream)


class FirstCall(NamedTuple):
    """The first call of a cell: what it gave, the seconds that it took, and what it counted."""

    call: SingleCall
    value: Tensor | SampleSet | Fit
    seconds: float
    counts: dict[str, int]


def seconds_of(call: SingleCall) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    synchronise(call.problem.device)
    return time.perf_counter() - start


def warmed(call: SingleCall) -> float:
    """Seconds of a first call outside of the timing; what it raises, the timing will raise too and report."""
    with suppress(Exception, SystemExit):  # a plugin's estimator may fail in any way
        if call.mode != PLAIN:
            settle(partial(seconds_of, call), call.mode)
        return seconds_of(call)
    return 0.0


def draws_afresh(call: SingleCall) -> bool:
    """Whether a call uses its generator, which then moves on."""
    before = call.stream.get_state()
    call()
    return not torch.equal(before, call.stream.get_state())


def kernels_of(call: SingleCall, limits: Limits) -> float | None:
    """Seconds in which an accelerator worked on one call, in an untimed pass; None where nobody says."""
    if limits.left() <= 0:
        return None
    with suppress(Exception, SystemExit):  # of a profiler that is not there, or of a plugin's estimator
        return kernel_seconds(call.problem.device, call)
    return None
