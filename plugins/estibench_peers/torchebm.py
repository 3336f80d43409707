"""torchebm (Ghaderi): objectives of score matching for energies.

Bridge: the library differentiates an energy E with s = −∇E. Here E is a function whose gradient is −s of the harness's
model and whose value, which no objective looks at, is 0: nothing is lost, and the time of differentiating an energy is
not counted against the library. Probes come from torch's global generator, which is seeded for the time of a call; the
library's `dtype` and `device` are those of the problem.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt, Unbiased
from estibench_peers.images import as_images, flattened
from estibench_peers.losses import LibraryLoss, Model
from estibench_peers.optional import library
from estibench_score import integrates_by_parts, on_gradients, same_levels

INSTALL = ("torchebm",)
BY_PARTS = "the density has no edge"


@dataclass(frozen=True)
class _TorchEBM(LibraryLoss):
    """Parameters:
    images: whether points of dim = side² are handed over as images, (batch, 1, side, side): "Input data tensor of
        shape (batch_size, *data_dims)", says every objective.
    """

    images: bool = False

    citation = "torchebm, Ghaderi."

    @abstractmethod
    def made(self, losses: Any, **common: Any) -> Callable[[Tensor], Tensor]:
        """The library's loss."""

    def objective(self, model: Model, x: Tensor) -> Tensor:
        with library(*INSTALL):
            from torchebm import losses
            from torchebm.core import BaseModel
        shaped = as_images(x) if self.images else x

        class Energy(BaseModel):  # type: ignore[misc]
            def forward(self, x: Tensor) -> Tensor:
                energy: Tensor = _Energy.apply(flattened(x, shaped), model)  # type: ignore[no-untyped-call]
                return energy

        energy = Energy(dtype=x.dtype, device=x.device)
        return self.made(losses, model=energy, dtype=x.dtype, device=x.device)(shaped)


@dataclass(frozen=True)
class TorchEBMScoreMatching(_TorchEBM):
    """`torchebm.losses.ScoreMatching`: Hyvärinen's objective.

    Documentation (ScoreMatching): "Original Score Matching loss from Hyvärinen (2005). Trains an energy-based model by
    matching the model's score function to the data's score. […] hessian_method: Method for Hessian trace ('exact' or
    'approx')." (_approx_score_matching): "Computes score matching loss using a finite-difference approximation for the
    Hessian trace." A difference over 10⁻⁵ in a random direction has the trace as its mean, up to 10⁻⁵.

    Parameters:
        hessian_method: default exact.
    """

    hessian_method: Literal["exact", "approx"] = "exact"

    claims = (Unbiased(when=on_gradients(integrates_by_parts), given=BY_PARTS),)

    def made(self, losses: Any, **common: Any) -> Callable[[Tensor], Tensor]:
        return losses.ScoreMatching(hessian_method=self.hessian_method, **common)


@dataclass(frozen=True)
class TorchEBMSliced(_TorchEBM):
    """`torchebm.losses.SlicedScoreMatching`: vᵀ∇s v + ½(vᵀs)² over random directions.

    Documentation (SlicedScoreMatching): "Sliced Score Matching (SSM) from Song et al. (2019). A scalable variant that
    uses random projections to efficiently approximate the score matching objective". Its objective is unbiased for
    Hyvärinen's (Song et al. 2019, equation 7).

    Parameters:
        n_projections: default 5.
        projection_type: default rademacher.
    """

    n_projections: PositiveInt = 5
    projection_type: Literal["rademacher", "sphere", "gaussian"] = "rademacher"

    claims = (Unbiased(when=on_gradients(integrates_by_parts), given=BY_PARTS),)

    def made(self, losses: Any, **common: Any) -> Callable[[Tensor], Tensor]:
        return losses.SlicedScoreMatching(
            n_projections=self.n_projections, projection_type=self.projection_type, **common
        )


@dataclass(frozen=True)
class TorchEBMDenoising(_TorchEBM):
    """`torchebm.losses.DenoisingScoreMatching`: ½‖s(x + σε) + ε/σ‖².

    Documentation (DenoisingScoreMatching): "Denoising Score Matching (DSM) from Vincent (2011). Avoids computing the
    Hessian trace by matching the score of noise-perturbed data. […] noise_scale: Standard deviation of Gaussian noise
    to add."

    Parameters:
        noise_scale: σ; default 0.01.
    """

    noise_scale: PositiveFloat = 0.01

    denoises: ClassVar[bool] = True
    claims = (
        Unbiased(
            when=on_gradients(lambda problem, estimator: same_levels(problem, (estimator.noise_scale,))),
            given="the estimand is about the density noised by σ",
        ),
    )

    def made(self, losses: Any, **common: Any) -> Callable[[Tensor], Tensor]:
        return losses.DenoisingScoreMatching(noise_scale=self.noise_scale, **common)


class _Energy(torch.autograd.Function):
    """x ↦ 0 for every point, with the gradient −s(x): (..., m) → (...,)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, model):  # type: ignore[no-untyped-def]
        return x.new_zeros(x.shape[:-1])

    @staticmethod
    def setup_context(context, inputs, output):  # type: ignore[no-untyped-def]
        x, context.model = inputs
        context.save_for_backward(x)

    @staticmethod
    def backward(context, upstream):  # type: ignore[no-untyped-def]
        (x,) = context.saved_tensors
        return -upstream[..., None] * context.model(x), None
