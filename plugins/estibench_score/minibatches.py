"""Minibatches of fresh samples, and gradients on them: one by autograd, or many at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from estibench_score.loss_estimator import LossEstimator

AT_ONCE = 128  # replicates of one vectorised call: more of them leave the cache and are slower


def fresh_minibatches(problem: Any, n: int, generator: torch.Generator) -> Tensor:
    """n minibatches of independent samples of the problem's density, on its device in its dtype: (n, batch, m)."""
    x: Tensor = problem.density.sample(n * problem.batch, problem.host_stream(generator))
    return problem.place(x.reshape(n, problem.batch, problem.dim))


def one_gradient(problem: Any, estimator: LossEstimator, x: Tensor, generator: torch.Generator) -> Tensor:
    """The gradient in θ of the loss of one minibatch x (batch, m), by plain autograd: (p,)."""
    loss = estimator.loss(problem.field(problem.leaf, transformed=False), x, generator)
    return torch.autograd.grad(loss, problem.leaf)[0]


def many_gradients(problem: Any, estimator: LossEstimator, x: Tensor, generator: torch.Generator) -> Tensor:
    """The gradients of n minibatches x (n, batch, m) in vectorised calls: (n, p)."""

    def gradient(x: Tensor) -> Tensor:
        def loss(theta: Tensor) -> Tensor:
            return estimator.loss(problem.field(theta, transformed=True), x, generator)

        return torch.func.grad(loss)(problem.theta)

    return torch.func.vmap(gradient, randomness="different", chunk_size=AT_ONCE)(x)
