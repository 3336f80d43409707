"""What sets of samples are compared with: exact samples of the density and its moments, made once for a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density
from estibench_sampling import metrics

DIRECTIONS = 128
PER_SAMPLE = 8  # samples of the reference for each one that is judged, so that its own noise hardly counts
PAIRED = 4096  # of them for metrics that look at all pairs
MODES = 64
SHARES = 2**18


@dataclass(frozen=True)
class Reference:
    """Made in float64, then placed.

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


def make_reference(
    density: Density, judged: int, generator: torch.Generator, place: Callable[[Tensor], Tensor]
) -> Reference:
    """The reference for a density with an exact sampler.

    Args:
        judged: points of a set of samples that is compared with it.
        generator: on the CPU.
        place: float64 data onto the device and into the dtype of a problem.
    """
    samples = density.sample(PER_SAMPLE * judged, generator)
    along = metrics.directions(DIRECTIONS, density.dim, generator)
    few = samples[:PAIRED]
    bandwidth = metrics.median_distance(few[:1000])
    mean, covariance, modes = density.mean, density.covariance_matrix, density.modes
    several = modes is not None and 2 <= len(modes) <= MODES
    shares = torch.ones(1, dtype=torch.float64)
    if modes is not None and several:
        shares = metrics.mode_shares(density.sample(SHARES, generator), modes)
    distance, kernel = metrics.mean_distances(few, few, bandwidth)
    return Reference(
        along=place(along),
        projected=place(metrics.sorted_projections(samples, along)),
        points=place(few),
        bandwidth=bandwidth,
        pairs=(place(distance), place(kernel)),
        mean=None if mean is None else place(mean),
        covariance=None if mean is None or covariance is None else place(covariance),
        total_variance=float(samples.var(0).sum() if covariance is None else covariance.trace()),
        modes=place(modes) if modes is not None and several else None,
        shares=place(shares),
        scale=float((samples - samples.median(0).values).norm(dim=1).median()),
    )
