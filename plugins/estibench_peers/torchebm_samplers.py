"""torchebm (its contributors): Langevin dynamics and Hamiltonian Monte Carlo.

Bridge, for both: the target is a `BaseModel` whose energy is −log p, up to a constant, and whose `gradient` is −score,
as the library's base class offers for analytic gradients; the library's dtype is the problem's; it takes our generator
and starts, and its loop runs once for a whole chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Reads
from estibench_peers.optional import library
from estibench_peers.recorded import Recorded
from estibench_sampling import Affine, Law, LinearSampler, Modes, Sampler, Sampling, Target, affine, independent

INSTALL = ("torchebm",)


def energy_model(target: Target) -> Any:
    """The target as torchebm sees one."""
    with library(*INSTALL):
        from torchebm.core import BaseModel

    class Energy(BaseModel):  # type: ignore[misc] # the library is not followed
        def forward(self, x: Tensor) -> Tensor:
            return -target.log_prob(x)

        def gradient(self, x: Tensor, model_kwargs: object = None) -> Tensor:
            return -target.score(x)

    return Energy(dtype=target.density.torch_dtype)


@dataclass(frozen=True)
class TorchebmLangevin(LinearSampler):
    """`LangevinDynamics(model, step_size).sample(x, n_steps=…, return_trajectory=True)`.

    Documentation (torchebm.samplers.LangevinDynamics): "Update rule: x_{t+1} = x_t − η ∇_x U(x_t) + √(2η) ε_t". So its
    law on a normal target is known at every step.

    Parameters:
        steps: n_steps.
        step_size: η; the library's default is 1e-3.
    """

    step_size: PositiveFloat = 0.1

    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = "torchebm.samplers.LangevinDynamics; Roberts and Tweedie 1996."

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> Recorded:
        with library(*INSTALL):
            from torchebm.samplers import LangevinDynamics
        sampler = LangevinDynamics(energy_model(target), step_size=self.step_size, dtype=x.dtype, device=x.device)
        found = sampler.sample(x=x, n_steps=self.steps, return_trajectory=True, generator=generator)
        return Recorded(x, found.transpose(0, 1))

    def step(self, target: Target, state: Recorded, control: Any, generator: torch.Generator) -> Recorded:
        return state.next()

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes: Modes, control: Any) -> Affine:
        eta, precision = self.step_size, 1 / modes.variance
        return affine([[1 - eta * precision]], [eta * precision * modes.mean], [[2 * eta]])


def stationary(problem: Sampling, estimator: Any) -> bool:
    """Whether chains start in the target, whose fourth moments are finite."""
    return problem.start == "exact" and problem.has_fourth_moments


@dataclass(frozen=True)
class TorchebmHMC(Sampler):
    """`HamiltonianMonteCarlo(model, step_size, n_leapfrog_steps, mass).sample(x, n_steps=…, return_trajectory=True)`.

    Documentation (torchebm.samplers.HamiltonianMonteCarlo): "Uses Hamiltonian dynamics with Metropolis-Hastings
    acceptance to sample from the target distribution defined by the energy model": chains that start in it stay.

    Parameters:
        steps: n_steps, trajectories.
        step_size: of a leapfrog step; the library's default is 1e-3.
        n_leapfrog_steps: the library's, default 10.
        mass: a scalar mass matrix; None is the library's default, 1.
    """

    step_size: PositiveFloat = 0.3
    n_leapfrog_steps: PositiveInt = 10
    mass: PositiveFloat | None = None

    claims = (
        Reads("spread", lambda problem, estimator: 1.0, "1", when=stationary, given="chains start in the target"),
        Reads("mahalanobis", lambda problem, estimator: 1.0, "1", when=stationary, given="chains start in the target"),
    )
    citation = "torchebm.samplers.HamiltonianMonteCarlo; Duane et al. 1987."

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> Recorded:
        with library(*INSTALL):
            from torchebm.samplers import HamiltonianMonteCarlo
        sampler = HamiltonianMonteCarlo(
            energy_model(target),
            step_size=self.step_size,
            n_leapfrog_steps=self.n_leapfrog_steps,
            mass=self.mass,
            dtype=x.dtype,
            device=x.device,
        )
        found = sampler.sample(x=x, n_steps=self.steps, return_trajectory=True, generator=generator)
        return Recorded(x, found.transpose(0, 1))

    def step(self, target: Target, state: Recorded, control: Any, generator: torch.Generator) -> Recorded:
        return state.next()
