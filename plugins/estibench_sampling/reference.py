"""What sets of samples are compared with: exact samples of the density and its moments, made once for a problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from estibench_sampling import metrics

if TYPE_CHECKING:
    from estibench_sampling.problem import Sampling

DIRECTIONS = 128
PER_SAMPLE = 8  # samples of the reference for each one that is judged, so that its own noise hardly counts
PAIRED = 4096  # of them for metrics that look at all pairs
MODES = 64
SHARES = 2**18


@dataclass(frozen=True)
class Reference:
    """Made in float64 from the problem's seed, then placed.

    Attributes:
        along: directions of the slices, (k, m).
        projected: all samples on them, sorted, (k, r).
        points: fewer of the samples, (≤ 4096, m).
        bandwidth: of the Gaussian kernel: their median distance.
        pairs: mean distance and mean kernel between them.
        mean, covariance, total_variance: the density's moments where they are known, (m,), (m, m) and their trace.
        modes, shares: up to 64 modes, where there are several, (K, m), and the share of samples nearest to each, (K,).
        scale: median distance of the samples from their median: what one unit of x is worth.
    """

    along: Tensor
    projected: Tensor
    points: Tensor
    bandwidth: float
    pairs: tuple[Tensor, Tensor]
    mean: Tensor | None
    covariance: Tensor | None
    total_variance: float
    modes: Tensor | None
    shares: Tensor
    scale: float


def make_reference(problem: Sampling) -> Reference:
    """The reference of a problem whose density has an exact sampler."""
    generator, density = problem.data_generator(), problem.density
    samples = density.sample(PER_SAMPLE * problem.records * problem.chains, generator)
    along = metrics.directions(DIRECTIONS, problem.dim, generator)
    few = samples[:PAIRED]
    bandwidth = metrics.median_distance(few[:1000])
    mean, covariance, modes = density.mean, density.covariance_matrix, density.modes
    several = modes is not None and 2 <= len(modes) <= MODES
    shares = torch.ones(1, dtype=torch.float64)
    if modes is not None and several:
        shares = metrics.mode_shares(density.sample(SHARES, generator), modes)
    distance, kernel = metrics.mean_distances(few, few, bandwidth)
    return Reference(
        along=problem.place(along),
        projected=problem.place(metrics.sorted_projections(samples, along)),
        points=problem.place(few),
        bandwidth=bandwidth,
        pairs=(problem.place(distance), problem.place(kernel)),
        mean=None if mean is None else problem.place(mean),
        covariance=None if mean is None or covariance is None else problem.place(covariance),
        total_variance=float(samples.var(0).sum() if covariance is None else covariance.trace()),
        modes=problem.place(modes) if modes is not None and several else None,
        shares=problem.place(shares),
        scale=float((samples - samples.median(0).values).norm(dim=1).median()),
    )
