"""What sets of samples are compared with: exact samples of the density and its moments, made once for a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density, SampleReference

PER_SAMPLE = 8  # samples of the reference for each one that is judged, so that its own noise hardly counts
SHARES = 2**18  # samples that say what the shares of the modes are


@dataclass(frozen=True)
class Reference:
    """Made in float64, then placed.

    Attributes:
        samples: of the density.
        mean, covariance, total_variance: the density's moments where they are known, (m,), (m, m) and their trace.
    """

    samples: SampleReference
    mean: Tensor | None
    covariance: Tensor | None
    total_variance: float


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
    mean, covariance = density.mean, density.covariance_matrix
    return Reference(
        samples=SampleReference.of(samples, generator, place, density, SHARES),
        mean=None if mean is None else place(mean),
        covariance=None if mean is None or covariance is None else place(covariance),
        total_variance=float(samples.var(0).sum() if covariance is None else covariance.trace()),
    )
