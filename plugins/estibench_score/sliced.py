"""Sliced score matching: the score along random directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_score.contract import ScoreEstimator, ScoreProblem, integrates_by_parts, on_gradients
from estibench_score.gaussian_theory import implicit_variance
from estibench_score.noise import Noise, draw_directions, outer_product_variance
from estibench_score.score_field import ScoreField


def sliced_variance(problem: ScoreProblem, estimator: Sliced) -> float | None:
    """With ‖s‖² kept whole and s = −P(x−μ), slices add the mean of −vvᵀ, independent of the data, to the gradient in P:
    V = V_ISM + E‖vvᵀ − I‖²/kB.
    """
    whole = implicit_variance(problem)
    if whole is None or not estimator.variance_reduced:
        return None
    return whole + outer_product_variance(estimator.noise, problem.dim) / (estimator.slices * problem.batch)


@dataclass(frozen=True)
class Sliced(ScoreEstimator):
    """J = mean over points and k slices of vᵀ∇s(x)v + ½(vᵀs(x))², E[vvᵀ] = I; each point has slices of its own.

    Unbiased for the implicit objective, since E[vᵀ∇s v] = tr ∇s and E(vᵀs)² = ‖s‖². The variance with k slices is
    V(k) = V_ISM + (V(1) − V_ISM)/k.

    Parameters:
        slices: k, the directions at each point.
        noise: rademacher, gaussian or sphere (radius √m).
        variance_reduced: keep ½‖s‖² whole, since it is known; the SSM-VR of the paper.

    Cost: 1 evaluation and k VJPs. Normalisation: J up to a constant.
    """

    slices: PositiveInt = 1
    noise: Noise = "rademacher"
    variance_reduced: bool = True

    claims = (
        Unbiased(when=on_gradients(integrates_by_parts), given="the density has no edge"),
        Variance(
            sliced_variance,
            "V_ISM + E‖vvᵀ − I‖²/kB",
            when=on_gradients(),
            given="model and data are normal, and ‖s‖² is whole",
        ),
        Cost("vjp", lambda problem, estimator: estimator.slices, "k", when=on_gradients()),
        Cost("sweep", lambda problem, estimator: estimator.slices + 1, "k + 1", when=on_gradients()),
        ScalesAs("cost_vjp", "problem_dim", 0, when=on_gradients()),
    )
    citation = "Song, Garg, Shi and Ermon 2019, Sliced score matching, equations 7 (SSM) and 8 (SSM-VR)."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        v = draw_directions(self.noise, (self.slices, *x.shape), x, generator)
        value, products = s.with_vjps(x, v)
        curvature = (v * products).sum(-1).mean()
        if self.variance_reduced:
            return curvature + 0.5 * value.square().sum(-1).mean()
        return curvature + 0.5 * (v * value).sum(-1).square().mean()
