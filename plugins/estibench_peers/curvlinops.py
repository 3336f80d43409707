"""curvlinops (Dangel, Eschenhagen and others): traces of linear operators.

Bridge, for all three: the matrix is an object with `shape`, `dtype`, `device` and `@`, which the functions take in the
place of a tensor; the probes come from torch's global generator, which is seeded for the time of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveInt, ScalesAs, Unbiased, Unsupported
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded
from estibench_peers.square import Square, square
from estibench_trace import TraceProblem

INSTALL = (
    "curvlinops-for-pytorch",
    "backpack-for-pytorch",
    "einconv",
    "einops",
    "linear_operator",
    "opt_einsum",
    "tqdm",
)
Distribution = Literal["rademacher", "normal"]


@dataclass(frozen=True)
class _Trace(Estimator):
    """Parameters:
    num_matvecs: products with the matrix, fewer than its dimension; required by the library.
    distribution: of the probes; the library's default is rademacher.
    """

    num_matvecs: PositiveInt = 12
    distribution: Distribution = "rademacher"

    def _supported(self, problem: TraceProblem, divisor: int) -> Square:
        if self.num_matvecs >= problem.dim or self.num_matvecs % divisor:
            raise Unsupported(
                f"num_matvecs must be below the dimension {problem.dim} and divisible by {divisor}, "
                f"not {self.num_matvecs}"
            )
        return square(problem)


@dataclass(frozen=True)
class CurvlinopsHutchinson(_Trace):
    """`curvlinops.hutchinson_trace`: (1/N) Σ vₙᵀ A vₙ.

    Documentation (curvlinops.hutchinson_trace): "This estimator is unbiased"; "num_matvecs: Total number of
    matrix-vector products to use."
    """

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: estimator.num_matvecs, "num_matvecs"),
        ScalesAs("variance", "estimator_num_matvecs", -1),
    )
    citation = "curvlinops, Dangel et al.; Girard 1989; Hutchinson 1989."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from curvlinops import hutchinson_trace
        A = self._supported(problem, 1)
        with torch_seeded(generator):
            return hutchinson_trace(A, self.num_matvecs, self.distribution)[None]


@dataclass(frozen=True)
class CurvlinopsHutchpp(_Trace):
    """`curvlinops.hutchpp_trace`: the trace in a sketched subspace, Hutchinson's estimate on the rest.

    Documentation (curvlinops.hutchpp_trace): "This estimator is unbiased"; "In contrast to vanilla Hutchinson, Hutch++
    has lower variance"; "num_matvecs: Total number of matrix-vector products to use. Must be smaller than the dimension
    of the linear operator […], and divisible by 3."
    """

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: estimator.num_matvecs, "num_matvecs"),
    )
    citation = "curvlinops, Dangel et al.; Meyer, Musco, Musco and Woodruff 2020."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from curvlinops import hutchpp_trace
        A = self._supported(problem, 3)
        with torch_seeded(generator):
            return hutchpp_trace(A, self.num_matvecs, self.distribution)[None]


@dataclass(frozen=True)
class CurvlinopsXTrace(_Trace):
    """`curvlinops.xtrace`: Hutch++ with every probe used for both parts.

    Documentation (curvlinops.xtrace): "It combines the variance reduction from Hutch++ with the exchangeability
    principle"; of the paper that it implements, Epperly, Tropp and Webber 2024, section 2.1: the estimator is unbiased.
    "num_matvecs: Total number of matrix-vector products to use. Must be even and less than the dimension".
    """

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: estimator.num_matvecs, "num_matvecs"),
    )
    citation = "curvlinops, Dangel et al.; Epperly, Tropp and Webber 2024."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from curvlinops import xtrace
        A = self._supported(problem, 2)
        with torch_seeded(generator):
            return xtrace(A, self.num_matvecs, self.distribution)[None]
