"""How a library's samples become an estimate of a gradient in the logits: the way its users take it, autograd."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from estibench import count
from estibench_discrete import Objective


def by_autograd(objective: Objective, logits: Tensor, samples: Callable[[Tensor], Tensor]) -> Tensor:
    """∇_θ Σ_b (1/n) Σ_i f_b(z_i), (batch, L, K), through samples that the library made differentiable.

    Args:
        samples: θ → z, (n, batch, L, K).
    """
    leaf = logits.detach().requires_grad_()
    with torch.enable_grad():
        z = samples(leaf)
        value = objective.value(z).mean(0).sum()
    count("gradient", z.shape[0])
    return torch.autograd.grad(value, leaf)[0]
