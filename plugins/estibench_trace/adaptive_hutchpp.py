"""Adaptive Hutch++: a tolerance in place of a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Gt, Lt
from scipy.special import gammaincinv, ndtri
from torch import Tensor

from estibench import ErrorBar, ErrorBarEstimator, PositiveFloat, PositiveInt, Unbiased, Unsupported
from estibench_trace.contract import TraceProblem, require_decompositions
from estibench_trace.noise import draw_probes
from estibench_trace.operators import Operator

PILOT = 10  # probes for the norm alone, where the trace has its own
DEPENDENT = 10  # units of the last place, times √m: what of A ω is left beside Q is rounding


@dataclass(frozen=True)
class AdaptiveHutchPP(ErrorBarEstimator):
    """tr QᵀAQ + (1/M) Σ_j w_jᵀ A w_j, w = (I − QQᵀ) ψ, ψ normal, with Q and M chosen for |error| ≤ ε.

    M = C ‖B‖²_F probes of B = (I − QQᵀ) A (I − QQᵀ), C = 4 ε⁻² log(2/δ), have an error of at most about ε with
    probability 1 − δ. Q grows by a column, two products, until 2 columns + C ‖B‖² has risen twice in a row; but for a
    constant, ‖B‖² is ‖QᵀAQ‖² − 2‖AQ‖² there. Then n probes give ‖B‖² ≈ (1/n) Σ ‖B ψ_j‖², which is divided by α_n, the
    δ-quantile of a χ²_n over n, so as not to be too small. All matrices of a batch go on until the last has enough.

    Parameters:
        tolerance: ε, absolute, of each trace.
        failure: δ.
        stopping: `reuse`, as published: probes that tell ‖B‖² are those of the trace, drawn until n ≥ C ‖B‖²/α_n.
            They stop where they have happened to be short, and short ones have small forms as well: the estimate is
            **biased** (towards 0 on positive semidefinite matrices), the more the fewer there are, and nothing is
            claimed of its mean. `fresh`: ten probes tell ‖B‖², and others, so many as that asks for, give the trace.
            The number is then independent of what is averaged: unbiased for every A.
        most: products; a tolerance that asks for more is *unsupported*.

    Claims: |error| ≤ ε with probability 1 − δ, for positive semidefinite A, as an error bar of ε/z, z the normal
    quantile to 1 − δ: with a suite's confidence of 1 − δ it says ± ε. Nothing of the cost, which is random: the column
    is that of one call. No variance: it depends on the stopping.
    """

    tolerance: PositiveFloat = 1.0
    failure: Annotated[float, Gt(0), Lt(1)] = 0.05
    stopping: Literal["reuse", "fresh"] = "reuse"
    most: PositiveInt = 4096

    claims = (
        Unbiased(
            when=lambda problem, estimator: estimator.stopping == "fresh", given="the stopping has its own probes"
        ),
        ErrorBar(
            lambda problem, estimator: 1 - estimator.failure,
            "1 − δ",
            when=lambda problem, estimator: problem.psd,
            given="A is positive semidefinite",
        ),
    )
    citation = (
        "Persson, Cortinovis and Kressner, Improved variants of the Hutch++ algorithm, SIMAX 43(3), 2022, Alg. 3."
    )

    @property
    def _C(self) -> float:
        return 4 * math.log(2 / self.failure) / self.tolerance**2

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and ε/z, (batch,) each."""
        require_decompositions(problem)
        A, dtype = problem.operator(), problem.torch_dtype
        found, Q = self._low_rank(A, generator, dtype)
        if Q.shape[-1] < A.dim:
            found = found + (self._stopped if self.stopping == "reuse" else self._planned)(A, Q, generator)
        return found, torch.full_like(found, self.tolerance / float(ndtri(1 - self.failure / 2)))

    def _low_rank(self, A: Operator, generator: torch.Generator, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """tr QᵀAQ, (batch,), and Q, (batch, dim, columns)."""
        Q = AQ = torch.zeros(A.batch, A.dim, 0, dtype=dtype, device=generator.device)
        rises, before = 0, math.inf
        while rises < 2 and Q.shape[-1] < A.dim:
            y = A.matmat(draw_probes("gaussian", 1, A.batch, A.dim, generator, dtype).movedim(0, -1))
            q = y
            for _ in range(2):  # rounding would bring back found directions
                q = q - Q @ (Q.mT @ q)
            size, whole = q.norm(dim=1, keepdim=True), y.norm(dim=1, keepdim=True)
            new = size > DEPENDENT * A.dim**0.5 * torch.finfo(dtype).eps * whole
            if not new.any():  # the range of every matrix is found
                break
            q = torch.where(new, q / size.clamp(min=torch.finfo(dtype).tiny), 0.0)
            Q, AQ = torch.cat([Q, q], -1), torch.cat([AQ, A.matmat(q)], -1)
            self._spent(2 * Q.shape[-1])
            left = (Q.mT @ AQ).square().sum((1, 2)) - 2 * AQ.square().sum((1, 2))
            now = 2 * Q.shape[-1] + self._C * float(left.max())
            rises = rises + 1 if now > before else 0
            before = now
        return (Q * AQ).sum((1, 2)), Q

    def _forms(self, A: Operator, Q: Tensor, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """ψᵀBψ and ‖Bψ‖² for n probes, (n, batch) each."""
        w = draw_probes("gaussian", n, A.batch, A.dim, generator, Q.dtype).movedim(0, -1)
        w = w - Q @ (Q.mT @ w)
        y = A.matmat(w)
        return (w * y).sum(1).mT, (y - Q @ (Q.mT @ y)).square().sum(1).mT

    def _wanted(self, squares: Tensor, n: int) -> float:
        """C ‖B‖²/α_n of the matrix that wants most, from the sum of ‖Bψ‖² over n probes, (batch,)."""
        alpha = 2 * float(gammaincinv(n / 2, self.failure)) / n
        return self._C * float(squares.max()) / n / alpha

    def _stopped(self, A: Operator, Q: Tensor, generator: torch.Generator) -> Tensor:
        """The mean of forms that stop themselves."""
        forms = squares = torch.zeros(A.batch, dtype=Q.dtype, device=Q.device)
        n, wanted = 0, math.inf
        while n < wanted:
            form, square = self._forms(A, Q, 1, generator)
            n, forms, squares = n + 1, forms + form[0], squares + square[0]
            wanted = self._wanted(squares, n)
            self._spent(2 * Q.shape[-1] + n)
        return forms / n

    def _planned(self, A: Operator, Q: Tensor, generator: torch.Generator) -> Tensor:
        """The mean of as many forms as others ask for."""
        _, squares = self._forms(A, Q, PILOT, generator)
        n = max(1, math.ceil(self._wanted(squares.sum(0), PILOT)))
        self._spent(2 * Q.shape[-1] + PILOT + n)
        return self._forms(A, Q, n, generator)[0].mean(0)

    def _spent(self, products: int) -> None:
        if products > self.most:
            raise Unsupported(f"a tolerance of {self.tolerance:g} asks for more than {self.most} products")
