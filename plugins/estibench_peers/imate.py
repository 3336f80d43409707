"""imate (Ameli, Shadden): traces and log-determinants by stochastic Lanczos quadrature, in C++.

Bridge: the matrix is a numpy array, made from its products; `seed` is drawn from the harness's generator, and
`num_threads=1`, without which the library is not reproducible (its documentation, parameter seed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from estibench import ErrorBar, ErrorBarEstimator, PositiveFloat, PositiveInt, Unbiased
from estibench_flow import ResidualProblem
from estibench_peers.optional import library
from estibench_peers.seeds import seed_from
from estibench_peers.square import dense, require_symmetric, residual_matrices
from estibench_trace import TraceProblem

INSTALL = ("imate",)


@dataclass(frozen=True)
class _Quadrature(ErrorBarEstimator):
    """Both functions take these parameters, with these defaults."""

    min_num_samples: PositiveInt = 10
    max_num_samples: PositiveInt = 50
    error_rtol: PositiveFloat = 1e-2
    lanczos_degree: PositiveInt = 20

    def _by(self, function: Any, A: Tensor, generator: torch.Generator, **more: bool) -> tuple[float, Any]:
        """Value and information of one matrix."""
        return function(
            np.ascontiguousarray(A.numpy()),
            method="slq",
            return_info=True,
            min_num_samples=self.min_num_samples,
            max_num_samples=self.max_num_samples,
            error_rtol=self.error_rtol,
            lanczos_degree=self.lanczos_degree,
            seed=seed_from(generator),
            num_threads=1,
            **more,
        )


@dataclass(frozen=True)
class ImateTrace(_Quadrature):
    """`imate.trace(A, method="slq")`, of a symmetric matrix.

    Documentation (imate.trace, SLQ method): "error_rtol: Tolerance of the relative error of convergence of the output.
    […] confidence_level: […] The error of convergence of the population of samples is defined by their standard
    deviation times the Z-score". "If gram is False, then A should be symmetric." "The solution is an approximation."

    Each sample is vᵀA v with Rademacher v, since quadrature is exact for p = 1: the mean of a fixed number of them is
    unbiased.

    Parameters:
        min_num_samples, max_num_samples, error_rtol, lanczos_degree: the library's, with its defaults.
    """

    claims = (
        Unbiased(
            when=lambda problem, estimator: estimator.min_num_samples == estimator.max_num_samples,
            given="the number of samples is fixed",
        ),
        ErrorBar(),
    )
    citation = "imate, Ameli and Shadden; Ubaru, Chen and Saad 2017 (stochastic Lanczos quadrature)."

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate and its standard error, (1,) each."""
        with library(*INSTALL):
            import imate
        A = dense(problem)
        require_symmetric(A)
        return _tensors([self._by(imate.trace, A, generator)], A.dtype)


@dataclass(frozen=True)
class ImateLogdet(_Quadrature):
    """`imate.logdet(A, method="slq")` of I + J at every point; of its Gramian, halved, where it is not symmetric.

    Documentation (imate.logdet, SLQ method): "Log-determinant of non-singular matrix or linear operator using
    stochastic Lanczos quadrature method"; with `gram`, "logdet((AᵀA)ᵖ) = 2p log|det(A)|"; "The larger Lanczos degree
    leads to better estimation"; "The error of convergence of the population of samples is defined by their standard
    deviation times the Z-score"; "The solution is an approximation."

    Parameters:
        min_num_samples, max_num_samples, error_rtol, lanczos_degree: the library's, with its defaults.
    """

    claims = (ErrorBar(),)
    citation = ImateTrace.citation

    def estimate_with_error(self, problem: ResidualProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, (batch,) each."""
        with library(*INSTALL):
            import imate
        matrices = residual_matrices(problem)
        gram = not torch.allclose(matrices, matrices.mT, atol=1e-5)
        found = [self._by(imate.logdet, A, generator, gram=gram) for A in matrices]
        values, errors = _tensors(found, matrices.dtype)
        return (values / 2, errors / 2) if gram else (values, errors)


def _tensors(found: list[tuple[float, dict[str, dict[str, float]]]], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Values and standard errors: the library's absolute error is 1.96 of them, its Z-score at 95 %."""
    values = torch.tensor([value for value, _ in found], dtype=dtype)
    errors = torch.tensor([float(info["error"]["absolute_error"]) for _, info in found], dtype=dtype)
    return values, errors / 1.959963984540054
