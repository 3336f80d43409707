"""CoLA (Potapczynski, Finzi, Pleiss, Wilson): traces and log-determinants of linear operators.

Bridge: the matrix is a `cola.ops.LinearOperator` of its products (of residual blocks: a dense one); `key`, whose
default makes every call the same, is drawn from the harness's generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from estibench import Cost, Estimator, Exact, PositiveFloat, PositiveInt, Unbiased
from estibench_flow import ResidualProblem
from estibench_peers.optional import library
from estibench_peers.seeds import seed_from
from estibench_peers.square import require_symmetric, residual_matrices, square
from estibench_trace import TraceProblem

INSTALL = ("cola-ml", "cola-plum-dispatch", "beartype", "optree", "tqdm")


@dataclass(frozen=True)
class ColaHutch(Estimator):
    """`cola.linalg.trace(A, Hutch())`: Hutchinson's estimates of the diagonal until they are precise, summed.

    Documentation (cola.linalg.trace): "Can use […] the O(1/δ²) time stochastic estimation (alg=Hutch()) […]. If only
    unbiased estimates of the diagonal are needed, use the Hutchinson algorithm." (Hutch): "tol: Approximation relative
    tolerance. max_iters: The maximum number of iterations to run. bs: Number of probes. rand: type of random probes
    (either Normal or Rademacher)".

    Parameters:
        tol, max_iters, bs, rand: the library's, with its defaults.
    """

    tol: PositiveFloat = 3e-2
    max_iters: PositiveInt = 10_000
    bs: PositiveInt = 100
    rand: Literal["normal", "rademacher"] = "normal"

    claims = (
        Unbiased(),
        Cost(
            "matvec",
            lambda problem, estimator: estimator.bs,
            "bs",
            when=lambda problem, estimator: estimator.max_iters == 1,
            given="one iteration",
        ),
    )
    examples = ({"max_iters": 1},)
    expected_failures: ClassVar[Mapping[str, str]] = {
        "claims": "cola 0.0.7 ignores bs: examples/defects/cola_hutch_bs.py"
    }
    citation = "Potapczynski, Finzi, Pleiss and Wilson 2023, CoLA: Exploiting compositional structure."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from cola.linalg import Hutch, trace
            from cola.ops import LinearOperator
        A = square(problem)
        operator = LinearOperator(A.dtype, A.shape, matmat=A.__matmul__)
        key = seed_from(generator)
        found: Tensor = trace(operator, Hutch(self.tol, self.max_iters, self.bs, self.rand, key=key))
        return found.reshape(1)


@dataclass(frozen=True)
class ColaLogdet(Estimator):
    """`cola.linalg.logdet` of I + J at every point: by the library's own choice, or by Lanczos or Arnoldi and probes.

    Documentation (cola.linalg.logdet): "Computes log determinant of a linear operator. […] uses either
    O(1/δ² log(1/ε)) time stochastic algorithm (SLQ) where ε = tol is the bias and δ = vtol is the standard deviation of
    the estimate, or a deterministic O(n log(1/ε)) time algorithm". "log_alg: The algorithm to use for the log. Specify
    LU() or Cholesky() for a dense approach. trace_alg: The algorithm to use for the trace computation." (Arnoldi):
    "decomposition for a general square operator"; (Lanczos): "for Symmetric (or Hermitian) operators".

    Parameters:
        log_alg: auto is LU or Cholesky for small matrices, exact; lanczos and arnoldi go with `Hutch`, and have its
            noise, and a bias of the tolerance.
        max_iters: of `Hutch`, each of min(100, dim) probes; default 10 000.
    """

    log_alg: Literal["auto", "lanczos", "arnoldi"] = "auto"
    max_iters: PositiveInt = 10_000

    claims = (
        Exact(when=lambda problem, estimator: estimator.log_alg == "auto", given="log_alg is auto"),
        Unbiased(when=lambda problem, estimator: estimator.log_alg != "auto", given="up to tol, 10⁻⁶"),
    )
    citation = ColaHutch.citation

    def estimate(self, problem: ResidualProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL):
            import cola
            from cola.linalg import Arnoldi, Auto, Hutch, Lanczos, logdet
        matrices = residual_matrices(problem)
        if self.log_alg == "lanczos":
            require_symmetric(matrices)
        found: list[Any] = []
        for A in matrices:
            operator = cola.PSD(cola.lazify(A)) if self.log_alg == "lanczos" else cola.lazify(A)
            log = {"auto": Auto, "lanczos": Lanczos, "arnoldi": Arnoldi}[self.log_alg]()
            trace = Auto() if self.log_alg == "auto" else Hutch(max_iters=self.max_iters, key=seed_from(generator))
            found.append(logdet(operator, log_alg=log, trace_alg=trace))
        return torch.stack(found).to(matrices.dtype)
