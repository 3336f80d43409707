"""Minibatches of fresh samples, and gradients on them: one by autograd, or many at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from estibench_score.loss_estimator import LossEstimator

AT_ONCE = 128  # replicates of one vectorised call: more of them leave the cache and are slower


def fresh_minibatches(problem: Any, n: int, generator: torch.Generator) -> Tensor:
    """n minibatches of independent samples of the problem's density, on its device in its dtype: (n, batch, m)."""
    source = generator
    if generator.device.type != "cpu":  # densities sample on the CPU
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        source = torch.Generator().manual_seed(int(seed))
    x: Tensor = problem.density.sample(n * problem.batch, source)
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
