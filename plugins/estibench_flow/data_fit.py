"""A continuous flow fitted to real data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_flow.fit_problem import FlowFit

HELD_OUT = 0.3
FEATURES = {"breast_cancer": 30, "diabetes": 10, "wine": 13}


@dataclass(frozen=True, kw_only=True)
class DataFit(FlowFit):
    """Minibatches drawn with replacement from 70 % of a data set; the other 30 % are held out. The data are turned into
    their first `dim` principal components with variance 1, both from the training part alone; likelihoods are in those
    coordinates.

    Truth: 0. Nobody knows the entropy of real data, so the estimand is the held-out negative log-likelihood itself.

    Parameters:
        data: carried by scikit-learn.
    """

    data: Literal["breast_cancer", "diabetes", "wine"] = "breast_cancer"
    dim: PositiveInt = 6

    examples = ({"dim": 2, "hidden": 8, "batch": 16, "steps": 10},)

    def __post_init__(self) -> None:
        if self.dim > FEATURES[self.data]:
            raise ValueError(f"{self.data} has {FEATURES[self.data]} features, fewer than {self.dim}")

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor]:
        """Training and held-out points, (points, dim) each, float64."""
        from sklearn import datasets
        from sklearn.decomposition import PCA
        from sklearn.model_selection import train_test_split
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        features = getattr(datasets, f"load_{self.data}")().data
        train, test = train_test_split(features, test_size=HELD_OUT, random_state=self.seed)
        whitened = make_pipeline(StandardScaler(), PCA(self.dim, whiten=True, svd_solver="full")).fit(train)
        return torch.from_numpy(whitened.transform(train)), torch.from_numpy(whitened.transform(test))

    @cached_property
    def _train(self) -> Tensor:
        return self.place(self._parts[0])

    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(self._train), (n, self.batch), generator=generator, device=generator.device)
        return self._train[chosen]

    @property
    def exact_held_out(self) -> Tensor:
        return self._parts[1]

    @cached_property
    def truth(self) -> Tensor:
        return torch.zeros(len(self.checkpoints), dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "none: 0, so that the error is the held-out negative log-likelihood itself"
