"""The density's own sampler: what every other is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from estibench import Cost, Estimator, Reads, SampleSet, count
from estibench_sampling.problem import Sampling


def has_moments(problem: Sampling, sampler: Any) -> bool:
    """Whether means of squares can be tested."""
    return problem.has_fourth_moments


@dataclass(frozen=True)
class ExactSampler(Estimator):
    """Independent samples of the density, without its score. Its distance from the density is that of a finite set: the
    resolution of each metric, and the floor of every plot.

    Cost: no score evaluation.
    """

    claims = (
        Reads("spread", lambda p, e: 1.0, "1", when=has_moments, given="fourth moments are finite"),
        Reads("mahalanobis", lambda p, e: 1.0, "1", when=has_moments, given="fourth moments are finite"),
        Cost("score_evaluation", lambda problem, estimator: 0, "0"),
    )
    citation = "Devroye 1986, Non-uniform random variate generation; each density says how it is sampled."

    def estimate(self, problem: Sampling, generator: torch.Generator) -> SampleSet:
        """All records of all chains at once, independent."""
        count("score_evaluation", 0)
        x = problem.exact_samples(problem.records * problem.chains, generator)
        return SampleSet(x.reshape(problem.estimate_shape))
