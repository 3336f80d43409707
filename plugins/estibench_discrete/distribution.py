"""Categorical variables: samples, Gumbel noise, and the derivatives of softmax.

Logits and probabilities have shape (batch, L, K): L variables of K values for each of `batch` independent data.
Everything is computed in float32 at least: half precision has too few uniform numbers to sample from.
"""

from __future__ import annotations

import torch
from torch import Tensor


def wide(tensor: Tensor) -> Tensor:
    """The tensor in float32 at least."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def uniforms(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform numbers in (0, 1), of the dtype of `like`.

    `torch.rand` gives multiples of ε/2 from 0 on; the 0 becomes ε/4, so that its logarithm is finite.
    """
    u = torch.rand(shape, generator=generator, dtype=like.dtype, device=generator.device)
    return u.clamp(min=torch.finfo(like.dtype).eps / 4)


def gumbels(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise −log(−log u)."""
    return -torch.log(-torch.log(uniforms(shape, like, generator)))


def sample(probabilities: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n one-hot samples, (n, batch, L, K), by inversion of the cumulative probabilities: one uniform number each."""
    cumulative = probabilities.cumsum(-1)
    u = uniforms((n, *probabilities.shape[:-1], 1), probabilities, generator)
    return one_hot((cumulative[..., :-1] < u).sum(-1), probabilities)


def one_hot(index: Tensor, like: Tensor) -> Tensor:
    """(...) → (..., K), of the dtype and with the K of `like`."""
    values = torch.arange(like.shape[-1], device=like.device)
    return (index[..., None] == values).to(like.dtype)


def conditional_gumbels(log_p: Tensor, chosen: Tensor, k: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """k Gumbel vectors z̃ = log p + g, given that their argmax is `chosen`, and each one's slope.

    The largest is standard Gumbel, z̃_b = −log E_b with E_b exponential; the others are Gumbels truncated there,
    z̃_i = −log(E_i/p_i + E_b) (Maddison, Tarlow, Minka 2014; Tucker et al. 2017, appendix C).

    Args:
        log_p: normalised log-probabilities, (batch, L, K).
        chosen: one-hot, (n, batch, L, K).

    Returns:
        z̃ and ∂z̃_i/∂log p_i, each (k, n, batch, L, K). The slope at `chosen` is 0: the maximum does not move.
    """
    exponential = -torch.log(uniforms((k, *chosen.shape), log_p, generator))
    top = torch.log((exponential * chosen).sum(-1, keepdim=True))
    own = torch.log(exponential) - log_p
    others = -torch.logaddexp(own, top.expand_as(own))
    slope = torch.sigmoid(own - top)
    is_chosen = chosen > 0
    return torch.where(is_chosen, -top, others), torch.where(is_chosen, torch.zeros_like(slope), slope)


def tempered(z: Tensor, tau: Tensor | float) -> Tensor:
    """softmax(z/τ), which stays finite for any τ that its reciprocal does not overflow."""
    return torch.softmax((z - z.amax(-1, keepdim=True)) / tau, -1)


def softmax_vjp(y: Tensor, v: Tensor) -> Tensor:
    """J(y) v with J(y) = diag y − y yᵀ, the Jacobian of softmax where it is y."""
    return y * (v - (y * v).sum(-1, keepdim=True))
