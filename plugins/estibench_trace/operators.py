"""Linear operators: batches of square matrices that are known only through their products.

Vectors travel as rows, (k, batch, dim): k products with each matrix of the batch. Each row is one `matvec`,
whatever the batch; for fields it also counts as one VJP or one JVP.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from estibench import count

Field = Callable[[Tensor], Tensor]


class Operator(ABC):
    """A batch of square matrices A_b."""

    batch: int
    dim: int

    @abstractmethod
    def matvec(self, v: Tensor) -> Tensor:
        """A v for each row: (k, batch, dim) → (k, batch, dim). Counts k matvecs."""

    @abstractmethod
    def rmatvec(self, v: Tensor) -> Tensor:
        """Aᵀ v for each row: (k, batch, dim) → (k, batch, dim). Counts k matvecs."""

    def matmat(self, V: Tensor) -> Tensor:
        """A V for columns: (batch, dim, k) → (batch, dim, k)."""
        return self.matvec(V.movedim(-1, 0)).movedim(0, -1)

    def rmatmat(self, V: Tensor) -> Tensor:
        """Aᵀ V for columns: (batch, dim, k) → (batch, dim, k)."""
        return self.rmatvec(V.movedim(-1, 0)).movedim(0, -1)


class MatrixOperator(Operator):
    """One dense matrix, (dim, dim); the batch is 1.

    Products drop the batch axis: BLAS multiplies a strided matrix at no cost, a batched product would copy.
    """

    def __init__(self, matrix: Tensor) -> None:
        self.batch = 1
        self.dim = matrix.shape[0]
        self._matrix = matrix

    def matvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        return (v[:, 0] @ self._matrix.mT)[:, None]

    def rmatvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        return (v[:, 0] @ self._matrix)[:, None]


class JacobianOperator(Operator):
    """The Jacobians of a field at a batch of points, by automatic differentiation.

    One forward pass serves all products of the transpose (VJPs); each set of forward products (JVPs) makes its own.

    Args:
        field: maps (batch, dim) to (batch, dim), each point by itself.
        x: (batch, dim). A leaf that requires its gradient, unless the operator is never made under `vmap`.
        in_one_call: whether several products are one vectorised call, which some operations refuse.
    """

    def __init__(self, field: Field, x: Tensor, in_one_call: bool = True) -> None:
        self.batch, self.dim = x.shape
        self._field = field
        self._each_row = _vectorised if in_one_call else _one_by_one
        self._x = x if x.requires_grad else x.detach().requires_grad_()
        self._pull_back: Callable[[Tensor], Tensor] | None = None

    def matvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        count("jvp", v.shape[0])
        count("evaluation")

        x = self._x.detach()

        def push_forward(tangent: Tensor) -> Tensor:
            return torch.func.jvp(self._field, (x,), (tangent,))[1]

        return self._each_row(push_forward, v)

    def rmatvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        count("vjp", v.shape[0])
        if self._pull_back is None:
            self._pull_back = self._forward()
        return self._each_row(self._pull_back, v)

    def _forward(self) -> Callable[[Tensor], Tensor]:
        """One evaluation of the field; returns cotangent → VJP.

        The graph is autograd's own, whose cotangents may be batched by `vmap`; `torch.func.vjp` does the same and
        costs as much as a small network.
        """
        count("evaluation")
        x = self._x
        with torch.enable_grad():
            y = self._field(x.view_as(x))  # torch's hooks on modules, as of FLOP counters, refuse a leaf

        def pull_back(cotangent: Tensor) -> Tensor:  # holds x and y, not self: a cycle would keep the graph alive
            return torch.autograd.grad(y, x, cotangent, retain_graph=True)[0]

        return pull_back


def _vectorised(product: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    """Map over the k rows in one vectorised call; a single row needs none."""
    if v.shape[0] == 1:
        return product(v[0])[None]
    return torch.func.vmap(product)(v)


def _one_by_one(product: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    """Map over the k rows in a loop."""
    return torch.stack([product(row) for row in v])
