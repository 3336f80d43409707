"""The contract between problems with discrete variables and estimators of their gradients."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from estibench import Estimator, Problem, Unsupported, count
from estibench_discrete.differentiate import gradient_of_sum
from estibench_discrete.distribution import wide
from estibench_discrete.reference import Reference, enumerated

State = tuple[Tensor, ...]
MOST_STATES = 16384


@dataclass(frozen=True, eq=False)
class Objective:
    """f, defined for one-hot z and between them. Counts what is spent: one `evaluation` for each z.

    Attributes:
        function: (..., batch, L, K) → (..., batch), in the problem's dtype, one value for each datum. Of a module, a
            copy is taken, in evaluation mode and in `dtype`, its parameters constants.
        dtype: what the function computes in; arguments are cast to it, and results back.
    """

    function: Callable[[Tensor], Tensor]
    dtype: torch.dtype

    def __post_init__(self) -> None:
        if isinstance(self.function, torch.nn.Module):
            frozen = copy.deepcopy(self.function).eval().requires_grad_(False).to(self.dtype)
            object.__setattr__(self, "function", frozen)

    def value(self, z: Tensor) -> Tensor:
        """f(z): (n, batch, L, K) → (n, batch). Costs n evaluations. A batch of 1 stands for the same z everywhere."""
        count("evaluation", math.prod(z.shape[:-3]))
        return self.function(z.to(self.dtype)).to(z.dtype)

    def gradient(self, z: Tensor) -> Tensor:
        """∇f(z), like z. Costs n evaluations and n gradients."""
        return self.gradient_and_value(z)[0]

    def gradient_and_value(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """∇f(z) and f(z), at the cost of one."""
        count("evaluation", math.prod(z.shape[:-3]))
        count("gradient", math.prod(z.shape[:-3]))

        gradient, values = gradient_of_sum(self.function, z.to(self.dtype))
        return gradient.to(z.dtype), values.to(z.dtype)


@dataclass(frozen=True, kw_only=True)
class DiscreteProblem(Problem):
    """A problem that uses gradients through categorical variables: it takes one, or trains with many."""

    @property
    def calls(self) -> int:
        """How many gradients one estimate takes."""
        return 1

    @property
    @abstractmethod
    def states(self) -> int:
        """K^L, the number of states of one datum's variables."""

    @abstractmethod
    def use(self, estimator: DiscreteEstimator, generator: torch.Generator) -> Any:
        """What the estimator's gradients lead to: an estimate of this problem."""


@dataclass(frozen=True, kw_only=True)
class GradientProblem(DiscreteProblem):
    """∇_θ Σ_b E f_b(z_b) with independent z_bl ~ Cat(softmax θ_bl). The truth has the shape of θ, (batch, L, K)."""

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """f."""

    @property
    @abstractmethod
    def logits(self) -> Tensor:
        """θ, (batch, L, K)."""

    @property
    def degree(self) -> int | None:
        """Degree of f as a polynomial in each z_l alone, where it is one: 1 for a multilinear f."""
        return None

    def estimand(self, gradient: Tensor) -> Tensor:
        """What is wanted, from the gradient in the logits, (batch, L, K): an affine map. Default: the gradient itself.

        Where it does more than add a constant, override `plain` too.
        """
        return gradient

    @property
    def plain(self) -> bool:
        """Whether `estimand` does no more than add a constant, so that variances in the logits are variances of it."""
        return True

    def use(self, estimator: DiscreteEstimator, generator: torch.Generator) -> Tensor:
        logits = wide(self.logits)
        gradient, _ = estimator.step(self.objective, logits, estimator.begin(logits, generator), generator)
        return self.estimand(gradient).to(self.torch_dtype)

    def prepare(self) -> None:
        _ = self.objective, self.logits

    @property
    def states(self) -> int:
        _, variables, values = self.logits.shape
        return int(values**variables)

    @cached_property
    def exact(self) -> Self:
        """This problem in float64 on the CPU, with data of its own to be made once."""
        return self.at("cpu", "float64")

    @property
    def summed(self) -> bool:
        """Whether `reference` is at hand; formulas that need it claim nothing elsewhere. Default: yes."""
        return True

    @cached_property
    def reference(self) -> Reference:
        """Everything that is known exactly, in float64."""
        return enumerated(self.exact.logits, self.exact.objective.function)

    @cached_property
    def truth(self) -> Tensor:
        return self.exact.estimand(self.reference.gradient)

    @property
    def truth_source(self) -> str:
        return "closed form: the sum over all states"

    @property
    def magnitude(self) -> float:
        """√Σ_b E f² E‖s‖², s = ∇ log p(z): by Cauchy–Schwarz no gradient E f s is larger."""
        m = self.reference.moments
        return float(((m.variance + m.mean**2) * m.score).sum().sqrt()) + float(self.truth.norm())


@dataclass(frozen=True)
class DiscreteEstimator(Estimator):
    """An estimator of a gradient through categorical variables. It serves problems of gradients and of training alike.

    `step` makes one gradient and hands on what it has learnt, such as a moving average; a single estimate takes one
    step from `begin`, training as many as it has steps.
    """

    def begin(self, logits: Tensor, generator: torch.Generator) -> State:
        """The state before the first step. Default: none."""
        return ()

    @abstractmethod
    def step(
        self, objective: Objective, logits: Tensor, state: State, generator: torch.Generator
    ) -> tuple[Tensor, State]:
        """An estimate of ∇_θ Σ_b E f_b(z_b), (batch, L, K) like `logits` θ, and the state that follows."""

    def estimate(self, problem: DiscreteProblem, generator: torch.Generator) -> Any:
        """What the problem makes of this estimator."""
        return problem.use(self, generator)


@dataclass(frozen=True)
class Memoryless(DiscreteEstimator):
    """An estimator whose gradients do not depend on earlier ones."""

    @abstractmethod
    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        """An estimate of ∇_θ Σ_b E f_b(z_b), (batch, L, K) like `logits` θ."""

    def step(
        self, objective: Objective, logits: Tensor, state: State, generator: torch.Generator
    ) -> tuple[Tensor, State]:
        return self.gradient(objective, logits, generator), state


def is_gradient(problem: DiscreteProblem) -> bool:
    """Whether the problem asks for a gradient itself, which claims about bias and variance need."""
    return isinstance(problem, GradientProblem)


def is_summed(problem: DiscreteProblem) -> bool:
    """Whether it asks for a gradient, and the sums over all states are known."""
    return isinstance(problem, GradientProblem) and problem.summed


def is_plain(problem: DiscreteProblem) -> bool:
    """Whether it asks for the gradient in the logits, up to a constant, and the sums over all states are known."""
    return isinstance(problem, GradientProblem) and problem.plain and problem.summed


def has_degree(problem: DiscreteProblem, degree: int) -> bool:
    """Whether f is known to be a polynomial of at most that degree in each z_l alone."""
    return isinstance(problem, GradientProblem) and problem.degree is not None and problem.degree <= degree


def is_binary_single(problem: DiscreteProblem) -> bool:
    """Whether there is a single variable of two values, for which Gumbel noise can be integrated."""
    return isinstance(problem, GradientProblem) and tuple(problem.logits.shape) == (1, 1, 2)


def require_binary(logits: Tensor) -> None:
    """Raises `Unsupported` unless every variable has two values."""
    if logits.shape[-1] != 2:
        raise Unsupported(f"needs binary variables, these have {logits.shape[-1]} values")
