"""Vector fields on R^m whose divergence has a closed form.

Each function returns the field and its divergence for given weights; both accept any leading batch dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench_trace.operators import Field

Divergence = Callable[[Tensor], Tensor]
Weights = tuple[Tensor, ...]


@dataclass(frozen=True)
class FieldFamily:
    """How a family of fields is made.

    Attributes:
        weights: (dim, hidden, generator) → weights, float64.
        field: weights → f.
        divergence: weights → div f in closed form.
    """

    weights: Callable[[int, int, torch.Generator], Weights]
    field: Callable[..., Field]
    divergence: Callable[..., Divergence]


def _gaussian(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Independent N(0, 1/columns) entries, so that products keep their size."""
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) / columns**0.5


def _vector(size: int, generator: torch.Generator) -> Tensor:
    return torch.randn(size, generator=generator, dtype=torch.float64)


# f(x) = A x + b, div f = tr A.


def _affine_weights(dim: int, hidden: int, generator: torch.Generator) -> Weights:
    return _gaussian(dim, dim, generator) - torch.eye(dim, dtype=torch.float64), _vector(dim, generator)


def _affine(A: Tensor, b: Tensor) -> Field:
    return lambda x: linear(x, A, b)


def _affine_divergence(A: Tensor, b: Tensor) -> Divergence:
    return lambda x: A.trace().expand(x.shape[:-1])


# f(x) = U tanh(W x + b), div f = Σ_i (1 − tanh²(Wx + b)_i) (W U)_ii. (van den Berg et al. 2018)


def _sylvester_weights(dim: int, hidden: int, generator: torch.Generator) -> Weights:
    W = _gaussian(hidden, dim, generator)
    # Some alignment of U with Wᵀ keeps the trace away from 0.
    U = _gaussian(dim, hidden, generator) + 0.5 * W.T
    return U, W, _vector(hidden, generator)


def _sylvester(U: Tensor, W: Tensor, b: Tensor) -> Field:
    return lambda x: linear(torch.tanh(linear(x, W, b)), U)


def _sylvester_divergence(U: Tensor, W: Tensor, b: Tensor) -> Divergence:
    diagonal = (W * U.mT).sum(-1)
    return lambda x: ((1 - torch.tanh(linear(x, W, b)).square()) * diagonal).sum(-1)


# f(x) = W₃ tanh(W₂ tanh(W₁ x + b₁) + b₂), div f = d₂ᵀ (W₂ ∘ (W₁ W₃)ᵀ) d₁ with d = 1 − tanh² of each layer.


def _mlp_weights(dim: int, hidden: int, generator: torch.Generator) -> Weights:
    W1, W2 = _gaussian(hidden, dim, generator), _gaussian(hidden, hidden, generator)
    W3 = _gaussian(dim, hidden, generator) + 0.5 * (W2 @ W1).T
    return W1, _vector(hidden, generator), W2, _vector(hidden, generator), W3


def _mlp(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor) -> Field:
    return lambda x: linear(torch.tanh(linear(torch.tanh(linear(x, W1, b1)), W2, b2)), W3)


def _mlp_divergence(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, W3: Tensor) -> Divergence:
    M = W2 * (W1 @ W3).mT

    def divergence(x: Tensor) -> Tensor:
        h1 = torch.tanh(linear(x, W1, b1))
        h2 = torch.tanh(linear(h1, W2, b2))
        return ((1 - h2.square()) * linear(1 - h1.square(), M)).sum(-1)

    return divergence


# f(x) = S ∇ψ(x) with S skew and ψ(x) = Σ log cosh(W x + b): div f = tr(S ∇²ψ) = 0.


def _skew_gradient_weights(dim: int, hidden: int, generator: torch.Generator) -> Weights:
    B = _gaussian(dim, dim, generator)
    return (B - B.T) / 2**0.5, _gaussian(hidden, dim, generator), _vector(hidden, generator)


def _skew_gradient(S: Tensor, W: Tensor, b: Tensor) -> Field:
    return lambda x: linear(linear(torch.tanh(linear(x, W, b)), W.mT), S)


def _skew_gradient_divergence(S: Tensor, W: Tensor, b: Tensor) -> Divergence:
    return lambda x: torch.zeros(x.shape[:-1], dtype=x.dtype, device=x.device)


# f(x) = g(‖x‖) x with g(r) = exp(−r²/2m): div f = m g + r g' = g (m − r²/m).


def _radial_weights(dim: int, hidden: int, generator: torch.Generator) -> Weights:
    return ()


def _radial() -> Field:
    return lambda x: x * torch.exp(-x.square().sum(-1, keepdim=True) / (2 * x.shape[-1]))


def _radial_divergence() -> Divergence:
    def divergence(x: Tensor) -> Tensor:
        m, r2 = x.shape[-1], x.square().sum(-1)
        return torch.exp(-r2 / (2 * m)) * (m - r2 / m)

    return divergence


FAMILIES: dict[str, FieldFamily] = {
    "affine": FieldFamily(_affine_weights, _affine, _affine_divergence),
    "sylvester": FieldFamily(_sylvester_weights, _sylvester, _sylvester_divergence),
    "mlp": FieldFamily(_mlp_weights, _mlp, _mlp_divergence),
    "skew_gradient": FieldFamily(_skew_gradient_weights, _skew_gradient, _skew_gradient_divergence),
    "radial": FieldFamily(_radial_weights, _radial, _radial_divergence),
}
