"""hessian-eigenthings (Golmant and others): traces of curvature operators.

Bridge: the matrix is a `LambdaOperator` of its products; the integer `seed` is drawn from the harness's generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, PositiveInt, Unbiased
from estibench_peers.optional import library
from estibench_peers.seeds import seed_from
from estibench_peers.square import square
from estibench_trace import TraceProblem

INSTALL = ("hessian-eigenthings", "tqdm")


@dataclass(frozen=True)
class HessianEigenthingsTrace(ErrorBarEstimator):
    """`hessian_eigenthings.trace`: Hutchinson or Hutch++, with its standard error.

    Documentation (hessian_eigenthings.trace): "Stochastic estimate of `tr(A)` using `num_matvecs` matrix-vector
    products." (TraceResult): "Stochastic estimate of `tr(A)` together with its sample-standard-error." Hutchinson's
    estimator and Hutch++ are unbiased (Meyer, Musco, Musco and Woodruff 2021).

    Parameters:
        num_matvecs: default 100. Hutch++ spends a third on each of its parts, and rounds down.
        method: default hutch++.
        distribution: of Hutchinson's probes; default rademacher.
    """

    num_matvecs: PositiveInt = 100
    method: Literal["hutchinson", "hutch++"] = "hutch++"
    distribution: Literal["rademacher", "gaussian"] = "rademacher"

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: estimator.num_matvecs, "num_matvecs"),
    )
    examples = ({"num_matvecs": 12},)
    citation = "hessian-eigenthings, Golmant et al.; Hutchinson 1990; Meyer, Musco, Musco and Woodruff 2021."

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate and its `stderr`, (1,) each."""
        with library(*INSTALL):
            from hessian_eigenthings import LambdaOperator, trace
        A = square(problem)
        operator = LambdaOperator(A.__matmul__, problem.dim, A.device, A.dtype)
        found = trace(
            operator,
            num_matvecs=self.num_matvecs,
            method=self.method,
            distribution=self.distribution,
            seed=seed_from(generator),
        )
        numbers = torch.tensor([found.estimate, found.stderr], dtype=A.dtype, device=A.device)
        return numbers[:1], numbers[1:]
