"""Training runs by the loss of an estimator: one by plain autograd, or many side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from estibench import Fit
from estibench_score.loss_estimator import LossEstimator

Tensors = tuple[Tensor, ...]
Batches = Callable[[int], Tensor]
"""So many fresh minibatches, (n, batch, m)."""


def one_run(problem: Any, estimator: LossEstimator, batches: Batches, generator: torch.Generator) -> Fit:
    """One run of a `FitProblem` whose model is a vector θ. Every step takes a minibatch and its loss's gradient.

    Args:
        problem: `initial` is θ at the start, `field(θ, transformed)` what the loss is given.
    """

    def gradient(parameters: Tensors, state: Tensors) -> tuple[Tensors, Tensors]:
        leaf = parameters[0].detach().requires_grad_()
        field = problem.field(leaf, transformed=False)
        loss, state = estimator.loss_and_state(field, batches(1)[0], state, generator)
        return torch.autograd.grad(loss, leaf), state

    fit: Fit = problem.train((problem.place(problem.initial),), gradient, (), generator=generator)
    return fit


def many_runs(problem: Any, estimator: LossEstimator, batches: Batches, n: int, generator: torch.Generator) -> Fit:
    """n of them side by side, by `torch.func.vmap` over θ, minibatch and the estimator's state."""

    def loss(theta: Tensor, x: Tensor, state: Tensors) -> tuple[Tensor, Tensors]:
        return estimator.loss_and_state(problem.field(theta, transformed=True), x, state, generator)

    many = torch.func.vmap(loss, randomness="different")

    def gradient(parameters: Tensors, state: Tensors) -> tuple[Tensors, Tensors]:
        leaf = parameters[0].detach().requires_grad_()
        losses, state = many(leaf, batches(n), state)
        # The sum over runs: each has a gradient of its own. By plain autograd outside of vmap kernels are fused; a
        # gradient by `torch.func.grad` could be differentiated again, and takes half as many operations more.
        return torch.autograd.grad(losses.sum(), leaf), tuple(one.detach() for one in state)

    start = problem.place(problem.initial).expand(n, -1)
    fit: Fit = problem.train((start,), gradient, (), side_by_side=True, generator=generator)
    return fit
