"""How far a set of samples x (n, m) is from a law that is known by samples y (r, m) of it.

All distances are 0 only in the limit of many points: a finite set drawn from the law itself has a distance too, the
*floor* at n. None is a debiased estimate, since that would be negative half of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estibench.contracts.density import Density

DIRECTIONS = 128
PAIRED = 4096  # samples of the law for distances that look at all pairs
JUDGED = 1024  # of the points, there
ROWS = 512  # of a matrix of pairs that are held at once
COUNTED = (2, 64)  # modes: of one there is nothing to compare, and of many each has few samples
SEEN = 32  # dimensions up to which they are counted
SORTED_BY_NUMPY = (torch.float32, torch.float64)  # with vector instructions, the same values 30 times as fast as torch


@dataclass(frozen=True)
class SampleReference:
    """What sets of samples are compared with. Made in float64, then placed.

    Attributes:
        along: directions of the slices, (k, m).
        projected: all samples on them, sorted, (k, r).
        points: fewer of the samples, (≤ 4096, m).
        bandwidth: of the Gaussian kernel: their median distance.
        pairs: mean distance and mean kernel between them.
        modes, shares: of the law, where it has several, (K, m), and the share of samples nearest to each, (K,).
        scale: median distance of the samples from their median: what one unit of x is worth.
    """

    along: Tensor
    projected: Tensor
    points: Tensor
    bandwidth: float
    pairs: tuple[Tensor, Tensor]
    modes: Tensor | None
    shares: Tensor | None
    scale: float

    @classmethod
    def of(
        cls,
        samples: Tensor,
        generator: torch.Generator,
        place: Callable[[Tensor], Tensor],
        law: Density | None = None,
        counted: int = 0,
    ) -> SampleReference:
        """The reference from samples (r, m) of the law, float64.

        Args:
            generator: of directions and of samples that are counted, on the CPU.
            place: float64 data onto the device and into the dtype of a problem.
            law: the density, where it is known. In up to 32 dimensions the shares of its 2 to 64 modes are compared.
            counted: so many further samples say what these shares are. Default: `samples` do.
        """
        modes, shares = counted_modes(law), None
        if law is not None and modes is not None:
            shares = mode_shares(law.sample(counted, generator) if counted else samples, modes)
        along = directions(DIRECTIONS, samples.shape[1], generator)
        few = samples[:PAIRED]
        bandwidth = median_distance(few[:1000])
        distance, kernel = mean_distances(few, few, bandwidth)
        return cls(
            along=place(along),
            projected=place(sorted_projections(samples, along)),
            points=place(few),
            bandwidth=bandwidth,
            pairs=(place(distance), place(kernel)),
            modes=None if modes is None else place(modes),
            shares=None if shares is None else place(shares),
            scale=float((samples - samples.median(0).values).norm(dim=1).median()),
        )

    def sliced_wasserstein(self, x: Tensor) -> Tensor:
        """Of points x (n, m), where r is a multiple of n."""
        return sliced_wasserstein(sorted_projections(x, self.along), self.projected)

    def distances(self, x: Tensor) -> dict[str, Tensor]:
        """The others, of points x (n, m): energy_distance, mmd, and, of a law with modes, mode_weights, the total
        variation between shares. The first two look at all pairs of at most 1 024 points, equally spaced."""
        few = x[:: math.ceil(len(x) / JUDGED)]
        to_reference, among = (mean_distances(few, other, self.bandwidth) for other in (self.points, few))
        found = {
            name: distance(to_reference[i], among[i], self.pairs[i])
            for i, (name, distance) in enumerate((("energy_distance", energy_distance), ("mmd", mmd)))
        }
        if self.modes is not None and self.shares is not None:
            found["mode_weights"] = 0.5 * (mode_shares(x, self.modes) - self.shares).abs().sum()
        return found


def directions(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """n independent directions, uniform on the unit sphere: (n, dim), float64."""
    v = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    return v / torch.linalg.vector_norm(v, dim=1, keepdim=True)


def sorted_projections(x: Tensor, along: Tensor) -> Tensor:
    """x projected on each direction and sorted: (n, m), (k, m) → (k, n)."""
    projected = along @ x.T
    if projected.device.type != "cpu" or projected.dtype not in SORTED_BY_NUMPY or projected.requires_grad:
        return projected.sort(dim=1).values
    return torch.from_numpy(np.sort(projected.numpy(), axis=1))


def sliced_wasserstein(projected: Tensor, reference: Tensor) -> Tensor:
    """Mean over directions of the 1-Wasserstein distance ∫|F⁻¹ − G⁻¹|, in the units of x.

    Between empirical laws of n and of r = n·j points, exactly: the i-th smallest of the one faces j of the other.

    Args:
        projected, reference: sorted projections, (k, n) and (k, r).

    Source: Bonneel, Rabin, Peyré and Pfister 2015, Sliced and Radon Wasserstein barycenters of measures.
    """
    k, n = projected.shape
    return (reference.reshape(k, n, -1) - projected[..., None]).abs_().mean()


def energy_distance(to_reference: Tensor, among: Tensor, in_reference: Tensor) -> Tensor:
    """√(2E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖) from these three means, in the root of the units of x.

    Source: Székely and Rizzo 2013, Energy statistics: a class of statistics based on distances.
    """
    return (2 * to_reference - among - in_reference).clamp(min=0).sqrt()


def mmd(to_reference: Tensor, among: Tensor, in_reference: Tensor) -> Tensor:
    """√(E k(x, x') + E k(y, y') − 2E k(x, y)) from these three means, without units.

    Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola 2012, A kernel two-sample test.
    """
    return (among + in_reference - 2 * to_reference).clamp(min=0).sqrt()


def mean_distances(x: Tensor, y: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """Means over all pairs, those of a point with itself included, of ‖x − y‖ and exp(−‖x − y‖²/2h²)."""
    distance, kernel = x.new_zeros(()), x.new_zeros(())
    for rows in x.split(ROWS):
        d = torch.cdist(rows, y)
        distance += d.sum()
        kernel += d.square_().div_(-2 * bandwidth**2).exp_().sum()
    pairs = len(x) * len(y)
    return distance / pairs, kernel / pairs


def median_distance(y: Tensor) -> float:
    """The median distance of pairs of points, the usual bandwidth of a Gaussian kernel."""
    i, j = torch.triu_indices(len(y), len(y), 1)
    return float((y[i] - y[j]).norm(dim=1).median())


def counted_modes(law: Density | None) -> Tensor | None:
    """The modes whose shares are compared, (K, m), None where there are none."""
    modes = None if law is None or law.dim > SEEN else law.modes
    return modes if modes is not None and COUNTED[0] <= len(modes) <= COUNTED[1] else None


def mode_shares(x: Tensor, modes: Tensor) -> Tensor:
    """The share of points that are nearest to each mode: (n, m), (K, m) → (K,)."""
    nearest = torch.cdist(x, modes).argmin(1)
    return torch.bincount(nearest, minlength=len(modes)).to(x.dtype) / len(x)
