"""Samplers as blackjax's users write them: a pair of functions, `init` and `step`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from estibench_sampling.contract import Sampler
from estibench_sampling.target import Target


class Kernel(NamedTuple):
    """A Markov kernel on all chains at once.

    Attributes:
        init: position, (chains, dim) → state, which has a `position` of the same shape.
        step: (generator, state) → (state, info). Where `info` has an `acceptance_rate`, a number or one for each
            chain, its mean over the run is the column `reading_acceptance`.
    """

    init: Callable[[Tensor], Any]
    step: Callable[[torch.Generator, Any], tuple[Any, Any]]


class Carried(NamedTuple):
    """The kernel's state between steps; x is its position, `accepted` the sum of acceptance rates, if it has any."""

    x: Tensor
    state: Any
    kernel: Kernel
    accepted: Tensor | None


@dataclass(frozen=True)
class KernelSampler(Sampler):
    """A sampler that is made of a kernel: a pair (init, step), shaped like blackjax's, in torch.

    The target's `score` and `log_prob` count what is spent; a kernel that differentiates `log_prob` by itself counts
    evaluations of that alone.
    """

    @abstractmethod
    def kernel(self, target: Target) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """(init, step) for a target; see `Kernel`."""

    @final
    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> Carried:
        kernel = Kernel(*self.kernel(target))
        state = kernel.init(x)
        return Carried(state.position, state, kernel, None)

    @final
    def step(self, target: Target, state: Carried, control: Any, generator: torch.Generator) -> Carried:
        found, info = state.kernel.step(generator, state.state)
        rate, before = getattr(info, "acceptance_rate", None), state.accepted
        if rate is not None:
            rate = torch.as_tensor(rate, dtype=torch.float64).mean()
        return Carried(found.position, found, state.kernel, rate if before is None or rate is None else before + rate)

    @final
    def report(self, state: Carried) -> dict[str, Tensor]:
        return {} if state.accepted is None else {"acceptance": state.accepted / self.steps}
