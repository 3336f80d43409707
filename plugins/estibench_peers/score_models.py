"""score-models (Adam, Legin and others): denoising and sliced score matching, and Hutchinson's divergence.

Bridge: the network of a `ScoreModel` is σ s of the harness's model, as the library's `score` divides by σ; its VE
schedule has the same σ at both ends, so that the loss is about one level. Noise comes from torch's global generator,
which is seeded for the time of a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from estibench import Cost, Estimator, PositiveFloat, PositiveInt, Unbiased, count
from estibench_peers.images import as_images, flattened
from estibench_peers.losses import UNBIASED_AT_SIGMA, LibraryLoss, Model
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded
from estibench_peers.square import require_full_precision
from estibench_score import integrates_by_parts, on_gradients
from estibench_trace import DivergenceProblem

INSTALL = ("score-models", "torch-ema", "tqdm", "h5py")


@dataclass(frozen=True)
class ScoreModelsDenoising(LibraryLoss):
    """`score_models.ScoreModel.loss_fn`: Σ‖z + σ s(x + σz)‖² over the batch, divided by its size.

    Documentation (README, Features): "A fit method to train the score model on a dataset using Denoising Score Matching
    (DSM)"; `fit` takes steps on this loss. Denoising score matching is unbiased for the density noised by σ (Vincent
    2011). The loss is 2σ² times the harness's normalisation, and is divided by that.

    Parameters:
        sigma: sigma_min and sigma_max of the schedule; the harness's.
        images: whether points of dim = side² are handed over as images, (batch, 1, side, side).
    """

    sigma: PositiveFloat = 0.1
    images: bool = False

    denoises: ClassVar[bool] = True
    claims = (UNBIASED_AT_SIGMA,)
    citation = "score-models, Adam, Legin et al.; Vincent 2011; Song et al. 2021."

    def objective(self, model: Model, x: Tensor) -> Tensor:
        with library(*INSTALL):
            from score_models import ScoreModel
        require_full_precision(x.dtype)
        shaped = as_images(x) if self.images else x
        network = _Network(model, self.sigma, shaped)
        library_model = ScoreModel(
            network, sde="ve", sigma_min=self.sigma, sigma_max=self.sigma, device=torch.device(x.device)
        )
        found: Tensor = library_model.loss_fn(shaped)
        return found / (2 * self.sigma**2)


@dataclass(frozen=True)
class ScoreModelsSliced(LibraryLoss):
    """`score_models.sliced_score_matching.sliced_score_matching_loss`: vᵀ∇s v + ½‖s‖².

    Documentation (sliced_score_matching_loss): "Score matching loss with the Hutchinson trace estimator trick. See
    Theorem 1 of Hyvärinen (2005). […] We implement an unbiased estimator of this loss with reduced variance reported in
    Y. Song et al. (2019)."

    Parameters:
        n_cotangent_vectors: default 1.
        noise_type: default rademacher.
        images: whether points of dim = side² are handed over as images, (batch, 1, side, side).
    """

    n_cotangent_vectors: PositiveInt = 1
    noise_type: Literal["rademacher", "gaussian"] = "rademacher"
    images: bool = False

    claims = (Unbiased(when=on_gradients(integrates_by_parts), given="the density has no edge"),)
    citation = ScoreModelsDenoising.citation

    def objective(self, model: Model, x: Tensor) -> Tensor:
        with library(*INSTALL):
            from score_models.sliced_score_matching import sliced_score_matching_loss
        shaped = as_images(x) if self.images else x
        found: Tensor = sliced_score_matching_loss(
            lambda y: model(flattened(y, shaped)).reshape(y.shape), shaped, self.n_cotangent_vectors, self.noise_type
        )
        return found


@dataclass(frozen=True)
class ScoreModelsDivergence(Estimator):
    """`score_models.ScoreModel.divergence(f, t, x)`: Hutchinson's trace of the Jacobian of a drift.

    Documentation (ScoreModelBase.log_likelihood, which hands these parameters on): "You can also […] increase the
    number of cotangent vector for the Hutchinson estimator." Hutchinson's estimator is unbiased.

    Parameters:
        n_cotangent_vectors: default 1.
        noise_type: default rademacher.
    """

    n_cotangent_vectors: PositiveInt = 1
    noise_type: Literal["rademacher", "gaussian"] = "rademacher"

    claims = (
        Unbiased(),
        Cost("matvec", lambda problem, estimator: estimator.n_cotangent_vectors, "n_cotangent_vectors"),
    )
    citation = ScoreModelsDenoising.citation

    def estimate(self, problem: DivergenceProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL):
            from score_models import ScoreModel
        x = problem.points
        require_full_precision(x.dtype)
        count("evaluation")
        count("vjp", self.n_cotangent_vectors)
        count("matvec", self.n_cotangent_vectors)
        device = torch.device(x.device)
        library_model = ScoreModel(nn.Identity(), sde="ve", sigma_min=1.0, sigma_max=1.0, device=device)
        with torch_seeded(generator):
            found: Tensor = library_model.divergence(
                lambda t, y: problem.placed_field(y),
                torch.zeros_like(x[:, 0]),
                x,
                n_cotangent_vectors=self.n_cotangent_vectors,
                noise_type=self.noise_type,
            )
        return found


class _Network(nn.Module):
    """(t, x) ↦ σ s(x), which keeps the shape of a batch of `like`."""

    def __init__(self, model: Model, sigma: float, like: Tensor) -> None:
        super().__init__()
        self._model = model
        self._sigma = sigma
        self._like = like

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self._sigma * self._model(flattened(x, self._like)).reshape(x.shape)
