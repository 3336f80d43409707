"""Conditional flow matching: regression on the velocity of each pair of noise and data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, Unbiased, Variance
from estibench_score.contract import on_gradients
from estibench_score.velocity_contract import VelocityEstimator
from estibench_score.velocity_field import VelocityField
from estibench_score.velocity_gradient import VelocityGradient
from estibench_score.velocity_theory import antithetic_variance, independent_variance, stratified_variance


def conditional_variance(problem: VelocityGradient, estimator: ConditionalFlow) -> float | None:
    """Of the mean over B points, by how their times are drawn."""
    match estimator.times:
        case "independent":
            return independent_variance(problem)
        case "stratified":
            return stratified_variance(problem)
        case "antithetic":
            return antithetic_variance(problem)


@dataclass(frozen=True)
class ConditionalFlow(VelocityEstimator):
    """J = ½ mean ‖v(x_t, t) − ẋ_t‖², with noise x_0 of its own for each datum x_1.

    E[ẋ_t | x_t] = u_t(x_t), so that J is ½E‖v − u_t‖² plus ½E Var(ẋ_t | x_t), which no parameter touches: unbiased, for
    every path.

    Parameters:
        times: how the times of B points are drawn. `independent`: each by itself. `stratified`: point i has the time
            ⌊(Ti + r)/B⌋ with one r uniform on 0 … T − 1; where T divides B, nothing is left of the variance between
            times. `antithetic`: each pair of noise and data at a time and at its mirror, k and T − 1 − k.

    Cost: 1 evaluation; antithetic 2. Normalisation: J up to that constant.
    """

    times: Literal["independent", "stratified", "antithetic"] = "independent"

    claims = (
        Unbiased(when=on_gradients()),
        Variance(
            conditional_variance,
            "fourth moments of normal vectors",
            when=on_gradients(),
            given="model and data are normal",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.evaluations, when=on_gradients()),
    )
    citation = (
        "Lipman, Chen, Ben-Hamu, Nickel and Le 2023, Flow matching for generative modeling, equation 9; stratified "
        "times: Kingma, Salimans, Poole and Ho 2021, Variational diffusion models, appendix I.1."
    )

    @property
    def evaluations(self) -> int:
        return 2 if self.times == "antithetic" else 1

    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        T, batch = len(v.times), x.shape[0]
        if self.times == "stratified":
            r = torch.randint(T, (), generator=generator, device=x.device)
            k = (T * torch.arange(batch, device=x.device)[:, None] + r) // batch
        else:
            k = v.any_times(x, generator)
        x_t, rate = v.bridge(noise, x, k)
        if self.times != "antithetic":
            return 0.5 * (v(x_t, k) - rate).square().sum(-1).mean()
        mirror = T - 1 - k
        x_m, rate_m = v.bridge(noise, x, mirror)
        here, there = v.several([x_t, x_m], [k, mirror])
        return 0.25 * ((here - rate).square() + (there - rate_m).square()).sum(-1).mean()
