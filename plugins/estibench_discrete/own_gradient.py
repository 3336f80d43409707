"""The gradient of a user's own objective through a user's own categorical variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Own, OwnFunction, UserError, finite, float_tensor, repeats
from estibench_discrete.contract import MOST_STATES, GradientProblem, Objective

TRIED = 3  # states at which the objective is called to see whether it takes many at once


@dataclass(frozen=True, kw_only=True)
class OwnGradient(GradientProblem):
    """∇_θ Σ_b E f_b(z_b) with independent z_bl ~ Cat(softmax θ_bl), (batch, L, K). Truth: the sum over all K^L states.

    Attributes:
        own: f, (n, *shape of the user's logits) → (n,), or (n, batch) where these have a batch.
        theta: (batch, L, K), float64.
        shape: of the user's logits.
    """

    own: OwnFunction
    theta: Tensor
    shape: tuple[int, ...]

    @cached_property
    def logits(self) -> Tensor:
        return self.place(self.theta)

    @cached_property
    def objective(self) -> Objective:
        return Objective(on_states(self.own.at(self.device, self.torch_dtype), self.shape), self.torch_dtype)


def on_states(own: OwnFunction, shape: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """f as estimators call it, (..., batch, L, K) → (..., batch), with a batch of 1 standing for all."""
    batch = shape[0] if len(shape) == 3 else 1

    def function(z: Tensor) -> Tensor:
        z = z.expand(*z.shape[:-3], batch, *z.shape[-2:])
        values = own(z.reshape(-1, *shape))
        return values.reshape(z.shape[:-2])

    return function


def own_gradient(*, logits: Tensor, objective: Callable[[Tensor], Tensor]) -> OwnGradient:
    """The gradient in your logits of the expectation of your objective over your categorical variables.

    Args:
        logits: (K,), (L, K) for L variables, or (batch, L, K).
        objective: an `nn.Module` or a function of one-hot tensors, and of those between, which relaxations need:
            (n, *logits.shape) → (n,), or (n, batch) where the logits have a batch.
    """
    given = float_tensor(logits, "logits")
    if not 1 <= given.ndim <= 3 or given.shape[-1] < 2:
        raise UserError(f"logits: expected (K,), (L, K) or (batch, L, K), K ≥ 2, got the shape {tuple(given.shape)}")
    shape = tuple(given.shape)
    theta = given.reshape(*(1,) * (3 - given.ndim), *shape)
    variables, values = theta.shape[1:]
    if values**variables > MOST_STATES:
        raise UserError(
            f"logits: {values}^{variables} states are more than the {MOST_STATES} whose sum can be the truth; "
            "take fewer variables"
        )
    own = OwnFunction.of(objective, "objective")
    device, dtype = own.home or (str(given.device), given.dtype)
    _check(own, shape, device, dtype)
    name = str(dtype).removeprefix("torch.")
    return OwnGradient(own=own, theta=theta.cpu().double(), shape=shape, device=device, dtype=name)


def _check(own: OwnFunction, shape: tuple[int, ...], device: str, dtype: torch.dtype) -> None:
    """Raises `UserError` unless many states at once give what they give one by one, and the gradient exists."""
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(shape[-1], (TRIED, *shape[:-1]), generator=generator)
    z = torch.nn.functional.one_hot(index, shape[-1]).to(device=device, dtype=dtype)
    try:
        together = finite(repeats(own, z), "objective")
    except UserError as error:
        words = "a leading axis of many states, then the shape of your logits"
        raise UserError(f"{error} (it is called with {words})") from error
    expected = (TRIED, shape[0]) if len(shape) == 3 else (TRIED,)
    if together.shape != expected:
        raise UserError(
            f"objective: maps one-hot tensors of shape {tuple(z.shape)} to {tuple(together.shape)}, "
            f"not to one value each, {expected}: write it for a leading axis of many states"
        )
    apart = torch.cat([own.checked(one[None]) for one in z])
    if not torch.allclose(together, apart, rtol=1e-3, atol=1e-5):
        raise UserError("objective: many states at once give other values than one by one: it mixes its leading axis")
    with torch.enable_grad():
        leaf = z.clone().requires_grad_()
        if not own(leaf).sum().requires_grad:
            raise UserError("objective: has no gradient in its argument, which relaxations need")


def ladder(problem: GradientProblem) -> list[str | Mapping[str, Any]]:
    """The sum over all states, what is unbiased, and what is quiet."""
    found: list[str | Mapping[str, Any]] = [
        "enumeration",
        {"name": "reinforce", "baseline": "leave_one_out", "samples": [2, 8]},
        "straight_through",
        "reinmax",
        {"name": "gumbel_softmax", "tau": [0.3, 1.0]},
        {"name": "gumbel_softmax", "tau": [0.3, 1.0], "hard": True},
        "rebar",
    ]
    if problem.logits.shape[-1] == 2:
        found.append({"name": "arm", "method": "disarm"})
    return found


OWN = Own(own_gradient, ladder, "the sum over all states")
