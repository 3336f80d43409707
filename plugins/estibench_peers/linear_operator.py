"""linear_operator (the operators of GPyTorch): log-determinants by Cholesky, or by stochastic Lanczos quadrature.

Bridge: I + J is made from its products and given as a dense operator; probes come from torch's global generator, which
is seeded for the time of a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Estimator, Exact, NonNegativeInt, PositiveInt, ScalesAs
from estibench_flow import ResidualProblem
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded
from estibench_peers.square import require_symmetric, residual_matrices

INSTALL = ("linear_operator",)


@dataclass(frozen=True)
class LinearOperatorLogdet(Estimator):
    """`linear_operator.to_linear_operator(I + J).logdet()` of symmetric positive definite I + J at every point.

    Documentation (LinearOperator.logdet): "Computes the log determinant log|A|"; (inv_quad_logdet): "on a positive
    definite matrix (or batch) A". (settings.max_cholesky_size): "If the size of a LinearOperator is less than
    `max_cholesky_size`, then […] use Cholesky rather than Lanczos/CG. (Default: 800)". (settings.num_trace_samples):
    "The number of samples to draw when stochastically computing the trace of a matrix. More values results in more
    accurate trace estimations". The quadrature is a documented approximation, of 20 iterations: a bias, and no claim
    against it.

    Parameters:
        max_cholesky_size: default 800; at 0 always quadrature.
        num_trace_samples: default 10.
    """

    max_cholesky_size: NonNegativeInt = 800
    num_trace_samples: PositiveInt = 10

    claims = (
        Exact(
            when=lambda problem, estimator: problem.dim <= estimator.max_cholesky_size,
            given="the dimension is at most max_cholesky_size",
        ),
        ScalesAs(
            "variance",
            "estimator_num_trace_samples",
            -1,
            when=lambda problem, estimator: problem.dim > estimator.max_cholesky_size,
            given="by quadrature",
        ),
    )
    expected_failures: ClassVar[Mapping[str, str]] = {
        "applies_somewhere": "the examples of residual blocks are not symmetric"
    }
    citation = "Gardner, Pleiss, Bindel, Weinberger and Wilson 2018, GPyTorch: Blackbox matrix–matrix inference."

    def estimate(self, problem: ResidualProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL):
            from linear_operator import settings, to_linear_operator
        matrices = residual_matrices(problem)
        require_symmetric(matrices)
        size = settings.max_cholesky_size(self.max_cholesky_size)
        random = torch_seeded(generator) if problem.dim > self.max_cholesky_size else nullcontext()
        with random, size, settings.num_trace_samples(self.num_trace_samples):
            found: Tensor = to_linear_operator(matrices).logdet()
        return found
