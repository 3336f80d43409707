"""The gradient of a user's own objective through a user's own categorical variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import NonNegativeInt, Own, OwnFunction, UserError, finite, float_tensor, operations, repeats
from estibench_discrete.contract import MOST_STATES, GradientProblem, Objective
from estibench_discrete.distribution import sample
from estibench_discrete.reference import AT_ONCE as BLOCK

FEWEST, USUAL, MOST = 64, 2048, 2**14  # samples of a reference
NUMBERS = 2**21  # of one-hot tensors that a reference holds at once
AT_ONCE = 64  # states whose evaluation is counted
COPIES = 4  # of a block of states, float64, while it is summed
TRIED = 3  # states at which the objective is called to see whether it takes many at once


@dataclass(frozen=True, kw_only=True)
class OwnGradient(GradientProblem):
    """∇_θ Σ_b E f_b(z_b) with independent z_bl ~ Cat(softmax θ_bl), (batch, L, K). Truth: the sum over all K^L states,
    or, of more than can be summed, a reference: the mean of local expectation gradients (Titsias and Lázaro-Gredilla
    2015), which sum one variable at a time and sample the others,

        ∂/∂θ_lk E f = E p_lk (f(z with z_l = k) − Σ_j p_lj f(z with z_l = j)),

    over independent samples z, whose spread is its standard error.

    Attributes:
        own: f, (n, *shape of the user's logits) → (n,), or (n, batch) where these have a batch.
        theta: (batch, L, K), float64.
        shape: of the user's logits.
        samples: behind a reference; 0 for the sum over all states.
    """

    own: OwnFunction
    theta: Tensor
    shape: tuple[int, ...]
    samples: NonNegativeInt = 0

    @cached_property
    def logits(self) -> Tensor:
        return self.place(self.theta)

    @cached_property
    def objective(self) -> Objective:
        return Objective(on_states(self.own.at(self.device, self.torch_dtype), self.shape), self.torch_dtype)

    @property
    def summed(self) -> bool:
        return self.samples == 0

    @cached_property
    def truth(self) -> Tensor:
        return self._sampled[0] if self.samples else self.reference.gradient

    @property
    def truth_error(self) -> float:
        return self._sampled[1] if self.samples else 0.0

    @property
    def truth_source(self) -> str:
        if not self.samples:
            return super().truth_source
        error = self.truth_error / max(float(self.truth.norm()), 1e-300)
        return f"float64 mean of {self.samples} local expectation gradients, relative standard error {error:.1e}"

    @property
    def magnitude(self) -> float:
        """As for every gradient, E f²‖s‖² from the samples."""
        return self._sampled[2] + float(self.truth.norm()) if self.samples else super().magnitude

    @cached_property
    def _sampled(self) -> tuple[Tensor, float, float]:
        """Mean of the samples' gradients, (batch, L, K), the norm of its standard error, and √Σ_b E f²‖s‖²."""
        gradients, squares = zip(*self._local_gradients(), strict=True)
        every = torch.cat(gradients)
        error = float((every.var(0) / len(every)).sum().sqrt())
        return every.mean(0), error, float(torch.cat(squares).mean().sqrt())

    def _local_gradients(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Some samples at a time: their gradients, (n, batch, L, K), and Σ_b f²‖s‖² at a sample, (n,)."""
        generator = torch.Generator().manual_seed(self.seed + 2)
        p, f = self.exact.logits.softmax(-1), self.exact.objective.function
        _, variables, values = p.shape
        at_once = max(1, NUMBERS // (values * p.numel()))
        eye = torch.eye(values, dtype=torch.float64)
        for start in range(0, self.samples, at_once):
            z = sample(p, min(at_once, self.samples - start), generator)
            found = torch.empty_like(z)
            for variable in range(variables):
                moved = z[:, None].repeat(1, values, 1, 1, 1)  # (n, K, batch, L, K)
                moved[..., variable, :] = eye[:, None]
                local = f(moved).detach().mT  # (n, batch, K)
                weight = p[:, variable]
                found[..., variable, :] = weight * (local - (weight * local).sum(-1, keepdim=True))
            sizes = (z - p).square().sum((-2, -1))
            yield finite(found, "objective"), (f(z).detach().square() * sizes).sum(1)


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
    own = OwnFunction.of(objective, "objective")
    device, dtype = own.home or (str(given.device), given.dtype)
    _check(own, shape, device, dtype)
    name = str(dtype).removeprefix("torch.")
    samples = 0 if values**variables <= MOST_STATES else USUAL
    return OwnGradient(own=own, theta=theta.cpu().double(), shape=shape, samples=samples, device=device, dtype=name)


def _check(own: OwnFunction, shape: tuple[int, ...], device: str, dtype: torch.dtype) -> None:
    """Raises `UserError` unless many states at once give what they give one by one, and the gradient exists."""
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(shape[-1], (TRIED, *shape[:-1]), generator=generator)
    z = torch.nn.functional.one_hot(index, shape[-1]).to(device=device, dtype=dtype)
    try:
        together = finite(repeats(own, z), "objective")
    except UserError as error:
        words = f"a leading axis of many states, then the shape of your logits{_read_as(shape)}"
        raise UserError(f"{error} (it is called with {words})") from error
    expected = (TRIED, shape[0]) if len(shape) == 3 else (TRIED,)
    if together.shape != expected:
        raise UserError(
            f"objective: maps one-hot tensors of shape {tuple(z.shape)} to {tuple(together.shape)}, "
            f"not to one value each, {expected}: write it for a leading axis of many states{_read_as(shape)}"
        )
    apart = torch.cat([own.checked(one[None]) for one in z])
    if not torch.allclose(together, apart, rtol=1e-3, atol=1e-5):
        raise UserError("objective: many states at once give other values than one by one: it mixes its leading axis")
    with torch.enable_grad():
        leaf = z.clone().requires_grad_()
        if not own(leaf).sum().requires_grad:
            raise UserError("objective: has no gradient in its argument, which relaxations need")


def _read_as(shape: tuple[int, ...]) -> str:
    """What two axes of logits may have been meant for."""
    if len(shape) != 2:
        return ""
    rows, values = shape
    return (
        f"; logits {shape} are {rows} variables of {values} values; of a batch of {rows} with one variable each give "
        f"({rows}, 1, {values}): logits[:, None]"
    )


def ladder(problem: GradientProblem) -> list[str | Mapping[str, Any]]:
    """The sum over all states where they can be summed, what is unbiased, and what is quiet."""
    found: list[str | Mapping[str, Any]] = [
        *(["enumeration"] if problem.states <= MOST_STATES else []),
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


def within(problem: OwnGradient, most: float, memory: float) -> OwnGradient:
    """The problem with the sum over all states and its slopes, if that takes no more; else with a reference."""
    _, variables, values = problem.theta.shape
    exact = problem.exact
    z = torch.zeros(AT_ONCE, *problem.theta.shape, dtype=torch.float64)
    one = operations(lambda: exact.objective.function(z)) / AT_ONCE
    states = problem.states
    held = 8 * states * len(problem.theta) + COPIES * 8 * min(states * problem.theta.numel(), BLOCK)
    if states <= MOST_STATES and 3 * states * one <= most and held <= memory:
        return replace(problem, samples=0)
    affordable = int(min(max(most / (one * variables * values), FEWEST), MOST))
    return replace(problem, samples=1 << (affordable.bit_length() - 1))


OWN = Own(
    own_gradient, ladder, "the sum over all states", "an evaluation is one call of the objective with one state", within
)
