"""The gradient of score matching for a user's own network, on a user's own data or a density that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from estibench import Density, Own, OwnFunction, OwnPoints, UserError, finite, kept_bytes, operations, repeats
from estibench_score.contract import ScoreProblem
from estibench_score.model import ScoreModel
from estibench_score.module_model import ModuleModel
from estibench_score.own_model import FlatScore, OwnData, is_energy
from estibench_score.score_gradient import CHUNKS, ScoreGradient

FEWEST, REFERENCE = 2**10, 2**16  # samples behind the truth
COUNTED = 64  # of them, in what is counted
SIGMA = 0.1  # of the data's standard deviation


@dataclass(frozen=True, kw_only=True)
class OwnScore(ScoreGradient):
    """∇_θ ½E‖s_θ(x) − ∇log p(x)‖² at the network's own parameters, (p,).

    Attributes:
        own: the network.
        usual_noise: whether the noise is the default's.
    """

    own: ScoreModel
    usual_noise: bool = False

    @cached_property
    def score_model(self) -> ScoreModel:
        return self.own


def own_score(
    *,
    network: nn.Module,
    data: Tensor | None = None,
    density: Density | None = None,
    sigma: float | None = None,
    batch: int = 64,
) -> OwnScore:
    """The gradient of the Fisher divergence in all parameters of your network, where they stand now.

    Args:
        network: a score, (batch, *shape) → (batch, *shape), or an energy, (batch, *shape) → (batch,).
        data: your data, (N, *shape). The estimand is about their law with noise of `sigma`, a mixture of Gaussians at
            the data, whose score is exact.
        density: instead, one of ours: an instance of a density, whose own score is the target.
        sigma: the noise, in units of the data; default: a tenth of their standard deviation. Not used with a density.
        batch: points in one minibatch.
    """
    if isinstance(network, type):
        raise UserError(f"network: {network.__name__} is a class; give an instance of it, {network.__name__}(…)")
    if not isinstance(network, nn.Module) or not any(True for _ in network.parameters()):
        raise UserError("network: expected an nn.Module with parameters, whose gradient is wanted")
    if (data is None) == (density is None):
        raise UserError("data: give either data or a density")
    own, smoothing = OwnFunction.of(network, "network"), tuple[float, ...]()
    if density is None:
        points = OwnPoints.of(data, "data", own)
        law: Density = OwnData(data=points.data.flatten(1), dim=points.data[0].numel())
        spread = float(points.data.std())
        level = SIGMA * spread if sigma is None else sigma
        if not (isinstance(level, int | float) and level > 0):
            raise UserError(
                f"sigma: expected a positive noise, got {level!r}: data without noise have no score "
                f"(their standard deviation is {spread:.2g})"
            )
        x, shape, smoothing = points.placed[:4], points.shape, (float(level),)
        device, dtype = points.device, points.dtype
    else:
        if not isinstance(density, Density):
            raise UserError(f"density: expected an instance of a density, got {type(density).__name__}")
        sample = density.sample(4, torch.Generator().manual_seed(0))
        points = OwnPoints.of(sample, "density", own)
        law, x, shape = density, points.placed, (density.dim,)
        device, dtype = points.device, points.dtype
    values = finite(repeats(own, x), "network")
    energy = is_energy(values, x)
    if energy is None:
        raise UserError(
            f"network: maps {tuple(x.shape)} to {tuple(values.shape)}, which is neither a score of that shape nor "
            f"energies ({len(x)},)"
        )
    dim = x[0].numel()
    assert isinstance(own.function, nn.Module)
    model = ModuleModel(dim=dim, module=FlatScore(own.function, shape, energy))
    return OwnScore(
        own=model,
        density=law,
        dim=dim,
        batch=batch,
        smoothing=smoothing,
        usual_noise=density is None and sigma is None,
        reference=REFERENCE,
        device=device,
        dtype=dtype,
    )


def within(problem: OwnScore, most: float, memory: float) -> OwnScore:
    """The problem with a truth of so many samples that their gradients take no more, by powers of two."""
    exact, level = problem.at("cpu", "float64"), problem.level or 0.0
    law, theta = exact.target(level), exact.initial.clone().requires_grad_()
    x = law.sample(COUNTED, torch.Generator().manual_seed(0))

    def gradient() -> Tensor:
        difference = exact.score_model.score(theta, x) - law.score(x)
        return torch.autograd.grad(difference.square().sum(), theta)[0]

    one = operations(gradient) / COUNTED
    kept = kept_bytes(lambda: exact.score_model.score(theta, x)) / COUNTED + 8 * getattr(law, "size", 0)
    affordable = min(most / one, CHUNKS * memory / kept, REFERENCE)
    return replace(problem, reference=max(FEWEST, 1 << (int(max(affordable, 1)).bit_length() - 1)))


def ladder(problem: ScoreProblem) -> list[str | Mapping[str, Any]]:
    """With noise: denoising at its level. And what sees samples of the law itself: exact and sliced traces."""
    found: list[str | Mapping[str, Any]] = ["explicit"]
    if problem.level:
        noise = {"name": "denoising", "sigma": problem.level}
        found.append(noise)
        found += [{**noise, "reduction": reduction} for reduction in ("control_variate", "antithetic")]
    return [*found, "implicit", {"name": "sliced", "slices": [1, 4]}]


def caution(problem: OwnScore) -> str:
    """A default that matters is named."""
    if not problem.usual_noise:
        return ""
    return f"Mind: no sigma was given, so σ = {problem.level:.3g}, a tenth of the data's standard deviation."


OWN = Own(
    own_score,
    ladder,
    "the explicit gradient",
    "a sweep is one pass of the batch through the network, or back to its input",
    within=within,
    caution=caution,
)
