"""pydrobert-pytorch (Robertson): REINFORCE, REBAR and RELAX, adapted from the code of RELAX's authors.

Bridge, for all: a batch of n·batch data with `dist="cat"`, whose samples are indices; the objective couples the L
variables of a datum, so that f has the shape (rows, 1), which broadcasts over them. Samples come from torch's global
generator, which is seeded for the time of a call. `dist="onehot"` would fit as well, but with torch 2 its `relax`
raises (`torch.where` with a condition of bytes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from estibench import Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_discrete import Memoryless, Objective, is_gradient
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("pydrobert-pytorch",)


def rows(objective: Objective, logits: Tensor, n: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The logits n times, (n·batch, L, K), a leaf; and f of one-hot or relaxed rows, (n·batch, 1)."""
    shape = (n, *logits.shape)
    leaf = logits.detach().expand(shape).flatten(0, 1).requires_grad_()
    return leaf, lambda z: objective.value(z.reshape(shape)).reshape(-1, 1)


@dataclass(frozen=True)
class PydrobertReinforce(Memoryless):
    """`reinforce(fb, b, logits, "cat")` with `z = to_z(logits, "cat")`, `b = to_b(z, "cat")`.

    Documentation (pydrobert.torch.estimators.reinforce): "It is an unbiased estimate of the derivative of the
    expectation w.r.t logits."

    Parameters:
        samples: n.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "pydrobert.torch.estimators.reinforce; Williams, Machine Learning 8, 1992."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with library(*INSTALL):
            from pydrobert.torch.estimators import reinforce, to_b, to_z
        theta, f = rows(objective, logits, self.samples)
        with torch_seeded(generator), torch.enable_grad():
            b = to_b(to_z(theta, "cat"), "cat")
            fb = f(one_hot(b.long(), logits.shape[-1]).to(logits.dtype))
            g = reinforce(fb, b, theta, "cat")
        return g.reshape(self.samples, *logits.shape).mean(0)


@dataclass(frozen=True)
class PydrobertRebar(Memoryless):
    """`relax(fb, b, logits, z, c, "cat")` with `c = REBARControlVariate(f, "cat")`.

    Documentation (pydrobert.torch.estimators.REBARControlVariate): "It is an unbiased estimate of the derivative of the
    expectation w.r.t logits."

    Parameters:
        samples: n.
        start_temp, start_eta: the library's, with its defaults.
    """

    samples: PositiveInt = 1
    start_temp: PositiveFloat = 0.1
    start_eta: float = 1.0

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: 3 * estimator.samples * problem.calls, "3n for each gradient"),
    )
    citation = "pydrobert.torch.estimators; Tucker et al., NeurIPS 2017."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with library(*INSTALL):
            from pydrobert.torch.estimators import REBARControlVariate
        theta, f = rows(objective, logits, self.samples)
        c = REBARControlVariate(f, "cat", self.start_temp, self.start_eta, warn=False)
        return _relax(theta, f, c.to(logits), logits, generator)


@dataclass(frozen=True)
class PydrobertRelax(Memoryless):
    """`relax(fb, b, logits, z, c, "cat")` with a network c of one hidden layer, not trained.

    Documentation (pydrobert.torch.estimators.relax): "c can be any differentiable function. It is an unbiased estimate
    of the derivative of the expectation w.r.t logits."

    Parameters:
        samples: n.
        hidden: width of c, whose weights are torch's initial ones.
    """

    samples: PositiveInt = 1
    hidden: PositiveInt = 8

    claims = PydrobertReinforce.claims
    citation = "pydrobert.torch.estimators.relax; Grathwohl et al., ICLR 2018."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        theta, f = rows(objective, logits, self.samples)
        with torch_seeded(
            torch.Generator().manual_seed(0)
        ):  # the same network in all draws: a mean over networks hides bias
            size = logits.shape[-2:].numel()
            c = nn.Sequential(nn.Flatten(), nn.Linear(size, self.hidden), nn.Tanh(), nn.Linear(self.hidden, 1))
        return _relax(theta, f, c.to(logits), logits, generator)


def _relax(
    theta: Tensor, f: Callable[[Tensor], Tensor], c: nn.Module, logits: Tensor, generator: torch.Generator
) -> Tensor:
    with library(*INSTALL):
        from pydrobert.torch.estimators import relax, to_b, to_z
    with torch_seeded(generator), torch.enable_grad():
        z = to_z(theta, "cat")
        b = to_b(z, "cat")
        fb = f(one_hot(b.long(), logits.shape[-1]).to(logits.dtype))
        g = relax(fb.detach(), b, theta, z, c, "cat").detach()
    return g.reshape(-1, *logits.shape).mean(0)
