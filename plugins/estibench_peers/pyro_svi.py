"""Pyro (Bingham and others): gradients of ELBOs with discrete latents.

Bridge, for all: the guide draws z_l ~ OneHotCategorical(θ_l), the model draws it from the same probabilities, detached,
and has a factor −f(z). So the loss, −ELBO, is E f + KL(q ‖ q̄) with q̄ equal to q: the KL has no gradient there, and
what is left is ∇ E f; its samples add noise where the ELBO has log-ratios, which are 0. Samples come from torch's
global generator, which is seeded for the time of a call; Pyro's parameter store is not used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench import Claim, Cost, Exact, PositiveInt, Unbiased
from estibench_discrete import Memoryless, Objective, is_gradient, is_plain
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("pyro-ppl", "pyro-api", "opt-einsum", "tqdm")
Program = Callable[[Tensor], None]


def programs(objective: Objective, **infer: Any) -> tuple[Program, Program]:
    """Model and guide, functions of θ, (batch, L, K)."""
    with library(*INSTALL):
        import pyro
        from pyro.distributions import OneHotCategorical

    def draw(theta: Tensor) -> list[Tensor]:
        return [
            pyro.sample(f"z_{index}", OneHotCategorical(logits=theta[:, index]), infer=infer)
            for index in range(theta.shape[1])
        ]

    def model(theta: Tensor) -> None:
        with pyro.plate("data", len(theta)):
            latents = torch.broadcast_tensors(theta[:, 0], *draw(theta.detach()))[1:]  # enumerated states: without data
            z = torch.stack(latents, -2)  # (..., batch, L, K)
            value = objective.value(z.reshape(-1, *theta.shape)).reshape(z.shape[:-2])
            pyro.factor("minus_f", -value)

    def guide(theta: Tensor) -> None:
        with pyro.plate("data", len(theta)):
            draw(theta)

    return model, guide


@dataclass(frozen=True)
class PyroTraceElbo(Memoryless):
    """`Trace_ELBO(num_particles).differentiable_loss(model, guide)`: the score function with Rao-Blackwellised costs.

    Documentation (tutorial "SVI Part III: ELBO Gradient Estimators", Tricky Case), of REINFORCE's surrogate objective:
    "sample the latent random variables, compute the surrogate objective, and differentiate. The result is an unbiased
    estimate".

    Parameters:
        num_particles: the library's; its default is 1.
    """

    num_particles: PositiveInt = 1

    claims: ClassVar[tuple[Claim, ...]] = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: estimator.num_particles * problem.calls, "one a particle"),
    )
    citation = "pyro.infer.Trace_ELBO; Ranganath, Gerrish, Blei, AISTATS 2014."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with library(*INSTALL):
            from pyro.infer import Trace_ELBO
        model, guide = programs(objective)
        theta = logits.detach().requires_grad_()
        with torch_seeded(generator), torch.enable_grad():
            loss = Trace_ELBO(num_particles=self.num_particles).differentiable_loss(model, guide, theta)
            return torch.autograd.grad(loss, theta)[0]


@dataclass(frozen=True)
class PyroTraceGraphElbo(PyroTraceElbo):
    """`TraceGraph_ELBO(num_particles).loss_and_grads(model, guide)`, which tracks what depends on each latent.

    Documentation (pyro.infer.TraceGraph_ELBO): "Fine-grained conditional dependency information […] is used to reduce
    the variance of the gradient estimator"; (the same tutorial, Reducing Variance via Dependency Structure): "we can
    remove some of the terms […] and still get an unbiased gradient estimator".
    """

    citation = "pyro.infer.TraceGraph_ELBO; Schulman et al., NeurIPS 2015."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with library(*INSTALL):
            from pyro.infer import TraceGraph_ELBO
        model, guide = programs(objective)
        theta = logits.detach().requires_grad_()
        with torch_seeded(generator), torch.enable_grad():
            TraceGraph_ELBO(num_particles=self.num_particles).loss_and_grads(model, guide, theta)
        assert theta.grad is not None
        return theta.grad


@dataclass(frozen=True)
class PyroTraceEnumElbo(Memoryless):
    """`TraceEnum_ELBO(max_plate_nesting=1).differentiable_loss(model, guide)`, every site enumerated in parallel.

    Documentation (pyro.infer.TraceEnum_ELBO): it supports "exhaustive enumeration over discrete sample sites".
    What is enumerated is not sampled: the gradient is exact.
    """

    claims = (Exact(when=lambda problem, estimator: is_plain(problem), given="the gradient in the logits is wanted"),)
    citation = "pyro.infer.TraceEnum_ELBO."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with library(*INSTALL):
            from pyro.infer import TraceEnum_ELBO
        model, guide = programs(objective, enumerate="parallel")
        theta = logits.detach().requires_grad_()
        with torch.enable_grad():
            loss = TraceEnum_ELBO(max_plate_nesting=1).differentiable_loss(model, guide, theta)
            return torch.autograd.grad(loss, theta)[0]
