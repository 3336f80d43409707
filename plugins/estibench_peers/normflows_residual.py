"""normflows (Stimper and others): log-determinants of residual blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from estibench import Bias, Estimator, PositiveInt, Unbiased, seeded
from estibench_flow import CountedField, ResidualProblem
from estibench_peers.optional import library

INSTALL = ("normflows", "tqdm")
STOP = 0.5  # the library's geom_p


def finite(problem: ResidualProblem, estimator: NormflowsResidual) -> bool:
    """Terms of size ρ^k are divided by (1 − p)^k: a variance to test by needs ρ² well below 1 − p."""
    return estimator.n_power_series is None and problem.spectral_radius**2 < 0.9 * (1 - STOP)


def truncation(problem: ResidualProblem, estimator: NormflowsResidual) -> Tensor | None:
    """Σ_{k ≤ n} (−1)^{k+1} tr(J^k)/k − log|det(I + J)|, (batch,)."""
    if estimator.n_power_series is None:
        return None
    J = problem.jacobians
    power, total = torch.eye(problem.dim, dtype=J.dtype), torch.zeros(problem.batch, dtype=J.dtype)
    for k in range(1, estimator.n_power_series + 1):
        power = power @ J
        total = total - (-1) ** k / k * power.diagonal(dim1=-2, dim2=-1).sum(-1)
    return total - problem.truth


class _Net(nn.Module):
    """The residual; calls and backward passes are counted."""

    def __init__(self, problem: ResidualProblem) -> None:
        super().__init__()
        residual = problem.residual
        g = problem.place(residual) if isinstance(residual, nn.Module) else residual
        self._counted = CountedField(lambda t, z: g(z))
        self.one = nn.Parameter(torch.ones((), dtype=problem.torch_dtype, device=problem.device))

    def forward(self, x: Tensor) -> Tensor:
        return self.one * self._counted(x.new_zeros(()), x)


@dataclass(frozen=True)
class NormflowsResidual(Estimator):
    """`normflows.flows.Residual(net, reverse=False, …)(x)`, whose second value is the log-determinant.

    Documentation (normflows.flows.Residual): "Invertible residual net block, wrapper to the implementation of Chen et
    al."; "n_power_series: Number of terms in the Neumann series", of which iResBlock says: "If not None, uses a biased
    approximation to logdet"; (iResBlock._logdetgrad): "Returns g(x) and logdet|d(x+g(x))/dx|". So with None it is
    unbiased, as in Chen et al. 2019, and else off by what is cut.

    Bridge: reverse=False, so that `forward` is x ↦ x + g(x); a factor 1 is the parameter that it needs for its
    gradient, which with reduce_memory is taken forwards. Probes are from torch's global generator and lengths from
    numpy's, which are seeded for the time of a call.

    Parameters:
        mode: train or eval, the module's; in eval 20 terms are always taken.
        reduce_memory, n_power_series, n_samples, n_dist: the library's, with its defaults.
    """

    mode: Literal["train", "eval"] = "train"
    reduce_memory: bool = True
    n_power_series: PositiveInt | None = None
    n_samples: PositiveInt = 1
    n_dist: Literal["geometric", "poisson"] = "geometric"

    claims = (
        Unbiased(when=finite, given="n_power_series is None and ρ(J)² < 0.9 (1 − p)"),
        Bias(truncation, "the terms that are cut off"),
    )
    expected_failures: ClassVar[Mapping[str, str]] = {
        "claims": "normflows 1.7.3 in training: examples/defects/normflows_training_log_det.py"
    }
    citation = "normflows.flows.Residual; Chen et al., Residual flows, NeurIPS 2019."

    def estimate(self, problem: ResidualProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL):
            from normflows.flows import Residual
        block = Residual(
            _Net(problem),
            reverse=False,
            reduce_memory=self.reduce_memory,
            n_power_series=self.n_power_series,
            n_samples=self.n_samples,
            n_dist=self.n_dist,
        ).train(self.mode == "train")
        with seeded(generator):
            _, log_det = block(problem.points.clone())
        return log_det.detach()
