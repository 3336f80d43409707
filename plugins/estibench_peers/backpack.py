"""BackPACK (Dangel, Kunstner, Hennig): diagonals of the generalised Gauss–Newton matrix, by sampling.

Bridge: linear regression whose Gauss–Newton matrix is the given one: inputs B with BᵀB = A/2 and a summed squared loss,
whose Hessian in the weight is 2 BᵀB. So A must be positive semidefinite. The trace is the sum of the diagonal. Probes
come from torch's global generator, which is seeded for the time of a call. The factor B is computed once for a problem.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from estibench import Cost, Estimator, Exact, PositiveInt, ScalesAs, Unbiased, Unsupported
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded
from estibench_peers.square import dense, require_full_precision
from estibench_trace import MatrixProblem, TraceProblem

INSTALL = ("backpack-for-pytorch", "einops", "unfoldNd", "opt_einsum")
NO_PRODUCTS = Cost("matvec", lambda problem, estimator: 0, "0: its work is a backward pass of the regression")


@dataclass(frozen=True)
class BackpackDiagGGNMC(Estimator):
    """The sum of `backpack.extensions.DiagGGNMC`.

    Documentation (DiagGGNMC): "Diagonal of the Generalized Gauss-Newton/Fisher. Uses a Monte-Carlo approximation of the
    Hessian of the loss w.r.t. the model output." The approximation is the outer product of sampled gradients, whose
    mean is that Hessian. "mc_samples: Number of Monte-Carlo samples. Default: 1."
    """

    mc_samples: PositiveInt = 1

    claims = (Unbiased(), NO_PRODUCTS, ScalesAs("variance", "estimator_mc_samples", -1))
    citation = "Dangel, Kunstner and Hennig 2020, BackPACK: Packing more into backprop."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,)."""
        with library(*INSTALL):
            from backpack import backpack, extend
            from backpack.extensions import DiagGGNMC
        inputs = _factor(problem)
        with torch_seeded(generator), torch.enable_grad(), _without_advice():
            model, loss = extend(_regression(inputs)), extend(nn.MSELoss(reduction="sum"))
            with backpack(DiagGGNMC(mc_samples=self.mc_samples)):
                loss(model(inputs), torch.zeros_like(inputs[:, :1])).backward()
        return model.weight.diag_ggn_mc.sum()[None]


@dataclass(frozen=True)
class BackpackDiagHessian(Estimator):
    """The sum of `backpack.extensions.DiagHessian`.

    Documentation (DiagHessian): "BackPACK extension that computes the Hessian diagonal." """

    claims = (Exact(), NO_PRODUCTS)
    citation = BackpackDiagGGNMC.citation

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """(1,); the generator is not used."""
        with library(*INSTALL):
            from backpack import backpack, extend
            from backpack.extensions import DiagHessian
        inputs = _factor(problem)
        with torch.enable_grad(), _without_advice():
            model, loss = extend(_regression(inputs)), extend(nn.MSELoss(reduction="sum"))
            with backpack(DiagHessian()):
                loss(model(inputs), torch.zeros_like(inputs[:, :1])).backward()
        return model.weight.diag_h.sum()[None]


@lru_cache(maxsize=4)
def _factor(problem: TraceProblem) -> Tensor:
    """B with BᵀB = A/2, (dim, dim): the inputs of the regression."""
    require_full_precision(problem.torch_dtype)
    if not isinstance(problem, MatrixProblem) or not problem.psd:
        raise Unsupported("a Gauss–Newton matrix is positive semidefinite; this one is not known to be")
    values, vectors = torch.linalg.eigh(dense(problem.at(problem.device, "float64")) / 2)
    factor: Tensor = (vectors * values.clamp(min=0).sqrt()).mT.to(problem.torch_dtype)
    return factor


def _without_advice() -> AbstractContextManager[None]:
    """torch warns of backward hooks on a module whose input needs no gradient; BackPACK's are such, and work."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


def _regression(inputs: Tensor) -> nn.Linear:
    """A linear model with one output, whose weight is 0. Made without torch's random start."""
    model = nn.utils.skip_init(nn.Linear, inputs.shape[1], 1, bias=False, dtype=inputs.dtype, device=inputs.device)
    nn.init.zeros_(model.weight)
    return model
