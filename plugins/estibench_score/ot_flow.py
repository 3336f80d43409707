"""Flow matching with noise and data of a minibatch paired by optimal transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Bias, Cost, Unbiased
from estibench_score.contract import on_gradients
from estibench_score.gaussian_theory import is_normal
from estibench_score.velocity_contract import VelocityEstimator
from estibench_score.velocity_field import VelocityField
from estibench_score.velocity_gradient import VelocityGradient
from estibench_score.velocity_theory import exact_gradients, sorted_correlation


def sorting_bias(problem: VelocityGradient, estimator: Any) -> Tensor | None:
    """The gradient with Cov(x_1, x_0) = τκ_B less that without, for data of standard deviation τ."""
    density = problem.density.at("cpu", "float64")
    covariance = density.covariance_matrix
    if problem.dim > 1 or covariance is None or not is_normal(density):
        return None
    independent = exact_gradients(problem)
    paired = exact_gradients(problem, covariance.sqrt() * sorted_correlation(problem.batch))
    return None if independent is None or paired is None else (paired - independent).mean(0)


@dataclass(frozen=True)
class OTFlow(VelocityEstimator):
    """J = ½ mean ‖v(x_t, t) − ẋ_t‖² with the B noises permuted so that Σ‖x_1 − x_0‖² is least.

    **Its own estimand.** x_0 and x_1 keep their laws, but not their independence: x_t has another law between the two
    ends, and another velocity, E[ẋ_t | x_t] under the coupling that B pairs make on average. It moves with B, from
    independent pairs at B = 1 towards the optimal map as B → ∞, and is not the problem's. In one dimension the
    permutation sorts: Cov(x_1, x_0) = τκ_B for normal data of standard deviation τ, κ_B the mean square of the expected
    order statistics of B standard normals, and with it the bias against the problem's estimand in closed form.

    Cost: 1 evaluation, and an assignment: O(B³) on the host, in one dimension O(B log B) where x is.
    Normalisation: J of its own estimand, up to a constant.
    """

    claims = (
        Unbiased(when=on_gradients(lambda problem, estimator: problem.batch == 1), given="the batch is one pair"),
        Bias(
            sorting_bias,
            "gradient at Cov(x_1, x_0) = τκ_B less that at 0",
            when=on_gradients(lambda problem, estimator: problem.batch > 1),
            given="model and data are normal, in one dimension",
        ),
        Cost("evaluation", lambda problem, estimator: 1, "1", when=on_gradients()),
    )
    citation = (
        "Tong et al. 2024, Improving and generalizing flow-based generative models with minibatch optimal transport, "
        "section 3.2; Pooladian et al. 2023, Multisample flow matching."
    )

    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        k = v.any_times(x, generator)
        x_t, rate = v.bridge(*paired(noise, x), k)
        return 0.5 * (v(x_t, k) - rate).square().sum(-1).mean()


def paired(noise: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Both (batch, m), in an order in which Σ‖x − noise‖² is least."""
    if x.shape[1] == 1:
        return noise.sort(0).values, x.sort(0).values
    wide = torch.promote_types(x.dtype, torch.float32)  # distances are not there in half precision
    order: Tensor = _Assignment.apply(torch.cdist(noise.to(wide), x.to(wide)).square())  # type: ignore[no-untyped-call]
    return noise, x.take_along_dim(order[:, None], 0)


class _Assignment(torch.autograd.Function):
    """Which column each row of a matrix of costs has when their sum is least, (B, B) → (B,): for `torch.func`, which
    does not look into SciPy."""

    @staticmethod
    def forward(cost: Tensor) -> Tensor:
        from scipy.optimize import linear_sum_assignment

        return torch.as_tensor(linear_sum_assignment(cost.to("cpu", torch.float64).numpy())[1], device=cost.device)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None], cost: Tensor) -> tuple[Tensor, int]:
        """One matrix after the other."""
        assert in_dims[0] is not None
        return torch.stack([_Assignment.apply(one) for one in cost.movedim(in_dims[0], 0)]), 0  # type: ignore[no-untyped-call]
