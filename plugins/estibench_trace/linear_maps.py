"""Matrices in other libraries' words: arrays, sparse matrices and linear operators of torch, SciPy, curvlinops, …"""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from estibench import Unsupported, count
from estibench_trace.operators import MatrixOperator, Operator


class LinearMap(Protocol):
    """A real square matrix that multiplies columns, A @ V. Its transpose is `adjoint()` or, without that, `T`.

    Arrays and sparse matrices of numpy, SciPy and torch are such, `scipy.sparse.linalg.LinearOperator`, the operators
    of curvlinops and linear_operator, and any class that writes these two.
    """

    @property
    def shape(self) -> Any:
        """(dim, dim)."""

    def __matmul__(self, V: Any, /) -> Any:
        """A V: (dim, k) → (dim, k), numpy's for a matrix of numpy or SciPy, else torch's."""


class ForeignOperator(Operator):
    """One matrix of another library; the batch is 1.

    Vectors travel to its device and dtype, where it names them, and products come back in those of the vectors. SciPy
    computes outside of torch, so `vmap` gives up and draws are made in a loop.
    """

    def __init__(self, matrix: LinearMap) -> None:
        self.batch = 1
        self.dim = matrix.shape[0]
        self._matrix = matrix
        self._multiply = _by_scipy if isinstance(matrix, np.ndarray) or _is_of_scipy(matrix) else _by_torch

    def matvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        return self._multiply(self._matrix, v[:, 0].mT).mT[:, None]

    def rmatvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        return self._multiply(self._transposed, v[:, 0].mT).mT[:, None]

    @cached_property
    def _transposed(self) -> Any:
        matrix: Any = self._matrix
        try:
            if hasattr(matrix, "rmatvec"):  # SciPy gives a transpose even where it has none
                matrix.rmatvec(np.zeros(self.dim, matrix.dtype))
            return matrix.adjoint() if hasattr(matrix, "adjoint") else matrix.T
        except (AttributeError, NotImplementedError) as error:
            raise Unsupported(
                f"{type(matrix).__name__} has no transpose, and this method multiplies with it"
            ) from error


def _is_of_scipy(matrix: LinearMap) -> bool:
    """Whether it is a sparse matrix or a linear operator of SciPy, which nobody can have who has not imported it."""
    if "scipy.sparse" not in sys.modules:
        return False
    from scipy.sparse import issparse
    from scipy.sparse.linalg import LinearOperator

    return isinstance(matrix, LinearOperator) or issparse(matrix)


def as_operator(matrix: LinearMap | Operator) -> Operator:
    """What estimators multiply with. An operator is itself, and a dense tensor is used where it lies."""
    if isinstance(matrix, Operator):
        return matrix
    if isinstance(matrix, Tensor) and matrix.layout is torch.strided:
        return MatrixOperator(matrix)
    return ForeignOperator(matrix)


def _by_scipy(matrix: Any, V: Tensor) -> Tensor:
    wide = V if V.dtype in (torch.float32, torch.float64) else V.float()  # SciPy knows no half precision
    return torch.as_tensor(matrix @ wide.numpy(force=True), dtype=V.dtype, device=V.device)


def _by_torch(matrix: Any, V: Tensor) -> Tensor:
    dtype, device = getattr(matrix, "dtype", None), getattr(matrix, "device", None)
    there = V.to(device=device or V.device, dtype=dtype if isinstance(dtype, torch.dtype) else V.dtype)
    product: Tensor = matrix @ there
    return product.to(V)
