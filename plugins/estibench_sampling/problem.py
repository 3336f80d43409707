"""The problem of sampling: a density, chains, and how far their states are from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import Density, PositiveFloat, PositiveInt, SampleProblem, SampleSet, Unsupported
from estibench_sampling import metrics
from estibench_sampling.normal_laws import Modes, modes_of
from estibench_sampling.reference import Reference, make_reference
from estibench_sampling.target import Target

POINTS = 1024


@dataclass(frozen=True, kw_only=True)
class Sampling(SampleProblem):
    """A density to be sampled by `chains` independent chains; a draw is one run of all of them.

    Samplers are ranked by the sliced Wasserstein distance of all recorded states to samples of the density.
    `error_…`: energy_distance, mmd, ksd, mean (‖x̄ − μ‖/√tr Σ), covariance (‖C − Σ‖_F/‖Σ‖_F) and mode_weights (total
    variation), where the density has what they need. `reading_…`: spread (E‖x − μ‖²/tr Σ), mahalanobis
    (E(x − μ)ᵀΣ⁻¹(x − μ)/m), both 1 for the target, and ess for two records and more.

    The density's normaliser is never used. Without an exact sampler KSD ranks, and what compares samples is left out.

    Parameters:
        density: the target. It takes its dimension from `dim`.
        chains: independent chains, run as one batch.
        records: recorded states of each chain, equally spaced over the second half of its run; 1 is the last state.
        start: of the chains. `normal`: N(0, start_scale² I); `mode`: all at the first mode; `exact`: in the target.
        start_scale: in units of x.
    """

    density: Density
    dim: PositiveInt = 2
    chains: PositiveInt = 512
    records: PositiveInt = 1
    start: Literal["normal", "mode", "exact"] = "normal"
    start_scale: PositiveFloat = 1.0

    examples = (
        {"density": "gaussian", "chains": 64},
        {"density": {"name": "linear_posterior", "noise": 50.0}, "dim": 10, "chains": 16, "start": "exact"},
    )

    @property
    def estimate_shape(self) -> tuple[int, int, int]:
        return self.records, self.chains, self.dim

    @property
    def truth_source(self) -> str:
        if not self.density.exact_sampler:
            return "closed form: a Stein discrepancy of 0"
        return f"{self.reference.samples.points.shape[0]} exact samples of the density, float64"

    @property
    def magnitude(self) -> float:
        return self.reference.samples.scale if self.density.exact_sampler else 1.0

    def recorded_steps(self, steps: int) -> frozenset[int]:
        """After which of 1 … steps the states are recorded.

        Raises:
            Unsupported: there are fewer steps than records.
        """
        if steps < self.records:
            raise Unsupported(f"{steps} steps are too few for {self.records} records")
        apart = max(1, steps // (2 * self.records))
        return frozenset(steps - apart * k for k in range(self.records))

    @cached_property
    def target(self) -> Target:
        """The density's oracles, on the problem's device in its dtype."""
        return Target(self.density.at(self.device, self.dtype), self.normal_modes is not None)

    @cached_property
    def wide_target(self) -> Target:
        """The same oracles in float64, for metrics."""
        return Target(self.density.at(self.device, "float64"))

    @cached_property
    def normal_modes(self) -> Modes | None:
        """The target in the eigenbasis of its covariance, if it is normal."""
        return modes_of(self.density)

    @property
    def starting_law(self) -> tuple[Tensor, Tensor] | None:
        """Mean and variance of the start in each mode of a normal target, (dim,) each."""
        if self.normal_modes is None:
            return None
        mean, variance = self.normal_modes.mean, self.normal_modes.variance
        match self.start:
            case "normal":
                return torch.zeros_like(mean), torch.full_like(variance, self.start_scale**2)
            case "mode":
                return mean, torch.zeros_like(variance)
            case "exact":
                return mean, variance

    @property
    def has_fourth_moments(self) -> bool:
        """Whether E x⁴ is known and finite, so that means of squares obey the usual tests."""
        moments = self.density.at("cpu", "float64").coordinate_moments(4)
        return moments is not None and bool(moments.isfinite().all()) and self.density.covariance_matrix is not None

    def starting_points(self, generator: torch.Generator) -> Tensor:
        """Where the chains start, (chains, dim)."""
        match self.start:
            case "normal":
                x = torch.randn(
                    self.chains, self.dim, generator=generator, device=generator.device, dtype=self.torch_dtype
                )
                return x.mul_(self.start_scale)
            case "mode":
                modes = self.density.modes
                if modes is None:
                    raise Unsupported(f"{type(self.density).__name__} does not say where its modes are")
                return self.place(modes[:1]).repeat(self.chains, 1)
            case "exact":
                return self.exact_samples(self.chains, generator)

    def starting_replicas(self, temperatures: Sequence[float], generator: torch.Generator) -> Tensor:
        """Where replicas of each chain start, one for each p^{1/T}, (temperatures, chains, dim): as chains do. `exact`
        on a normal target is in the tempered law, N(μ, TΣ); where that is not known, in the target.
        """
        x = torch.stack([self.starting_points(generator) for _ in temperatures])
        if self.start == "exact" and self.normal_modes is not None and self.density.mean is not None:
            mean = self.place(self.density.mean)
            x = torch.stack([torch.lerp(mean, each, T**0.5) for each, T in zip(x, temperatures, strict=True)])
        return x

    def exact_samples(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent samples of the density, (n, dim).

        Raises:
            Unsupported: its sampler is not exact.
        """
        if not self.density.exact_sampler:
            raise Unsupported(f"{type(self.density).__name__} has no exact sampler")
        return self.place(self.density.sample(n, self.host_stream(generator)))

    @cached_property
    def reference(self) -> Reference:
        """What metrics compare with: made once, in float64 from the seed, and cast."""
        return make_reference(self.density, self.records * self.chains, self.data_generator(), self.place)

    def prepare(self) -> None:
        self.target.density.score(self.place(torch.zeros(1, self.dim, dtype=torch.float64)))
        _ = self.wide_target
        if self.density.exact_sampler:
            _ = self.reference
        _ = self.normal_modes

    def discrepancy(self, samples: SampleSet) -> Tensor:
        x = samples.points.flatten(0, 1)
        if not self.density.exact_sampler:
            return self._stein(x)
        return self.reference.samples.sliced_wasserstein(x)

    def errors(self, samples: SampleSet, estimator: Any) -> Mapping[str, Tensor]:
        x, found = samples.points.flatten(0, 1), {"ksd": self._stein(samples.points.flatten(0, 1))}
        if not self.density.exact_sampler:
            return found
        y = self.reference
        found |= y.samples.distances(x)
        if y.mean is not None:
            found["mean"] = (x.mean(0) - y.mean).norm() / y.total_variance**0.5
        if y.mean is not None and y.covariance is not None and len(x) > 1:
            found["covariance"] = (x.T.cov() - y.covariance).norm() / y.covariance.norm()
        return found

    def readings(self, samples: SampleSet, estimator: Any) -> Mapping[str, Tensor]:
        found, x = {}, samples.points.flatten(0, 1)
        if self.moments is not None:
            centred = (x - self.place(self.moments[0])).double()
            found["spread"] = centred.square().sum(1).mean() / self.moments[1].trace()
            found["mahalanobis"] = (centred @ self.whitening).square().sum(1).mean() / self.dim
        if self.records > 1:
            found["ess"] = metrics.effective_sample_size(samples.points)
        return found

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor] | None:
        """E x and Cov x where both are known, float64."""
        mean, covariance = self.density.mean, self.density.covariance_matrix
        return None if mean is None or covariance is None else (mean, covariance)

    @cached_property
    def whitening(self) -> Tensor:
        """W with W Wᵀ = Σ⁻¹, (dim, dim), float64 on the problem's device."""
        assert self.moments is not None
        variance, Q = torch.linalg.eigh(self.moments[1])
        return (Q / variance.sqrt()).to(self.device)

    def _stein(self, x: Tensor) -> Tensor:
        few = thinned(x).double()
        return metrics.kernel_stein_discrepancy(few, self.wide_target.score(few), math.sqrt(self.dim))


def thinned(x: Tensor) -> Tensor:
    """At most 1 024 of the points, equally spaced: for metrics that look at all pairs."""
    return x[:: math.ceil(len(x) / POINTS)]
