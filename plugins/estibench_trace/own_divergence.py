"""The divergence of a user's own vector field: a network or a function, at points of any shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import NonNegativeInt, Own, OwnFunction, OwnPoints, flat, keeps_shape, operations
from estibench_trace.colouring import count_colours
from estibench_trace.contract import ROWS, DivergenceProblem, Sums, TraceProblem, unit_rows
from estibench_trace.operators import Field, JacobianOperator, Operator
from estibench_trace.probing import seen_reach

NUMBERS = 2**25  # entries of Jacobians that are held at once
AT_ONCE = 16  # probes of the reference in one call
COPIES = 3  # of the largest Jacobian, float64, while its sums are taken
FEWEST, MOST = 64, 2**14  # probes of a reference


@dataclass(frozen=True, kw_only=True)
class OwnDivergence(DivergenceProblem):
    """div f at a batch of points, (batch,). Truth: the exact trace of a float64 copy, or a reference.

    Attributes:
        own: f, (batch, *shape) → (batch, *shape), each point by itself.
        data: the points, (batch, *shape).
        reference: Rademacher probes behind a reference with a standard error; 0 for the exact trace.
    """

    own: OwnFunction
    data: Tensor
    reference: NonNegativeInt = 0

    @cached_property
    def field(self) -> Field:
        return flat(self.own.at(self.device, self.torch_dtype), tuple(self.data.shape[1:]))

    @cached_property
    def points(self) -> Tensor:
        return self.place(self.data).reshape(self.batch, self.dim)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape[1:])

    @cached_property
    def in_one_call(self) -> bool:
        """Whether the field's derivatives can be taken in one vectorised call; some operations refuse."""
        operator = JacobianOperator(self.field, self.leaf)
        try:
            operator.rmatvec(torch.zeros(2, self.batch, self.dim, dtype=self.torch_dtype, device=self.device))
        except Exception:  # vmap refuses in many ways
            return False
        return True

    def operator(self) -> Operator:
        return JacobianOperator(self.field, self.leaf, self.in_one_call)

    def prepare(self) -> None:
        super().prepare()
        _ = self.in_one_call

    @cached_property
    def _exact(self) -> tuple[Sums, str]:
        """What one pass over all rows of the Jacobians gives, and the dtype that it was made in."""
        try:
            return self.at("cpu", "float64").sums_of_jacobians(), "float64"
        except RuntimeError:  # a function that does not take float64
            return self.sums_of_jacobians(), self.dtype

    @cached_property
    def _probed(self) -> tuple[Tensor, Tensor, float]:
        """Mean and standard error of vᵀJv over the reference's probes, (batch,) each, and the mean of ‖Jᵀv‖²."""
        exact = self.at("cpu", "float64")
        operator = exact.operator()
        generator = torch.Generator().manual_seed(self.seed + 2)
        forms, sizes = [], []
        for start in range(0, self.reference, AT_ONCE):
            shape = (min(AT_ONCE, self.reference - start), self.batch, self.dim)
            v = torch.randint(2, shape, generator=generator).double() * 2 - 1
            products = operator.rmatvec(v).detach()
            forms.append((v * products).sum(-1))
            sizes.append(products.square().sum((1, 2)))
        samples = torch.cat(forms)
        return samples.mean(0), samples.std(0) / self.reference**0.5, float(torch.cat(sizes).mean())

    def sums_of_jacobians(self) -> Sums:
        """tr A, ‖A‖² and ‖S‖² = (‖A‖² + Σ_ij a_ij a_ji)/2 from m products with unit vectors, some points at a time."""
        some = max(1, NUMBERS // self.dim**2)
        parts = []
        for x in self.points.split(some):
            operator = JacobianOperator(self.field, x, self.in_one_call)
            rows = [operator.rmatvec(basis) for _, basis in unit_rows(operator, ROWS, self.torch_dtype, self.device)]
            A = torch.cat(rows).movedim(1, 0).to(device="cpu", dtype=torch.float64)  # (points, m, m)
            diagonal, entries = A.diagonal(dim1=1, dim2=2), A.square().sum((1, 2))
            crossed = (A * A.mT).sum((1, 2))
            parts.append(torch.stack([0.5 * (entries + crossed), entries, diagonal.square().sum(1), diagonal.sum(1)]))
        return Sums(*torch.cat(parts, 1))

    @property
    def truth(self) -> Tensor:
        return self._probed[0] if self.reference else self._exact[0].trace

    @property
    def truth_error(self) -> float:
        return float(self._probed[1].norm()) if self.reference else 0.0

    @property
    def magnitude(self) -> float:
        """As for every trace; E‖Jᵀv‖² = ‖J‖²_F."""
        return (self.dim * self._probed[2]) ** 0.5 if self.reference else super().magnitude

    @property
    def truth_source(self) -> str:
        if self.reference:
            error = self.truth_error / max(float(self.truth.norm()), 1e-300)
            return f"float64 mean over {self.reference} Rademacher probes, relative standard error {error:.1e}"
        return f"the exact trace in {self._exact[1]}: a product for each of {self.dim} dimensions"

    @property
    def sums(self) -> Sums | None:
        return None if self.reference else self._exact[0]


def own_divergence(*, field: Callable[[Tensor], Tensor], points: Tensor) -> OwnDivergence:
    """The divergence of your vector field at your points.

    Args:
        field: an `nn.Module` or a function, (batch, *shape) → (batch, *shape), each point by itself.
        points: (batch, *shape): images, sequences or vectors.
    """
    own = OwnFunction.of(field, "field")
    batch = OwnPoints.of(points, "points", own)
    keeps_shape(own, batch.placed)
    return OwnDivergence(own=own, data=batch.data, **batch.parameters)


def ladder(problem: TraceProblem) -> list[str | Mapping[str, Any]]:
    """The exact trace, and what competes with it from few to many products; of a local field, its colours."""
    m = problem.dim
    probes = [k for k in (1, 4, 16, 64) if k <= max(m // 2, 1)]
    budgets = [k for k in (16, 64) if k < m]
    found: list[str | Mapping[str, Any]] = ["exact", {"name": "hutchinson", "probes": probes}]
    if budgets:
        found.append({"name": "xtrace", "matvecs": budgets})
        found.append({"name": "hutchpp", "matvecs": [k - 1 for k in budgets]})
    if len(problem.shape) > 1 and _is_local(problem):
        found.insert(1, "probing")
    return found


def _is_local(problem: TraceProblem) -> bool:
    """Whether colours save at least half of the exact trace's products; a normalisation over the image leaves none."""
    if problem.torch_dtype not in (torch.float32, torch.float64):
        return False
    generator = torch.Generator(problem.device).manual_seed(problem.seed)
    return 2 * count_colours(problem.shape, seen_reach(problem, problem.operator(), generator) + 1) <= problem.dim


def within(problem: OwnDivergence, most: float, memory: float) -> OwnDivergence:
    """The problem with its exact truth, if one product for each dimension takes no more; else with a reference."""
    operator = problem.operator()
    v = torch.zeros(1, problem.batch, problem.dim, dtype=problem.torch_dtype, device=problem.device)
    one = operations(lambda: operator.rmatvec(v))
    if problem.dim * one <= most and COPIES * 8 * problem.dim**2 <= memory:
        return problem
    return replace(problem, reference=how_many(most / one, FEWEST, MOST))


def how_many(affordable: float, fewest: int, most: int) -> int:
    """A power of two that can be afforded, within bounds that are powers of two."""
    return 1 << (int(min(max(affordable, fewest), most)).bit_length() - 1)


OWN = Own(
    own_divergence,
    ladder,
    "the exact trace",
    "a matvec is one product of the Jacobian with a vector at every point",
    within,
)
