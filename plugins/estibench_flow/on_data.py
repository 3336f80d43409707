"""Training data that are real."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import DigitsSplit, PositiveInt
from estibench_flow.likelihood_fit import LikelihoodFit

HELD_OUT = 0.3
FEATURES = {"breast_cancer": 30, "diabetes": 10, "digits": 64, "wine": 13}


@dataclass(frozen=True, kw_only=True)
class OnData(LikelihoodFit):
    """Minibatches drawn with replacement from 70 % of a data set; the other 30 % are held out. The model's coordinates
    are the first `dim` principal components with variance 1, both from the training part alone.

    Likelihoods are in those coordinates; but digits are taken whole. Their grey levels y = 0 … 16 become
    (y + u)/17 with u uniform on [0, 1], drawn anew in every minibatch and once for what is held out. Their likelihoods
    are in the unit cube, and bits per dimension are of y + u, so that the uniform law has log₂ 17 = 4.09.

    Truth: 0. Nobody knows the entropy of real data, so the estimand is the held-out negative log-likelihood itself.

    Parameters:
        data: carried by scikit-learn.
        held_out: at most so many of the held-out points are what the likelihood is measured on.
    """

    data: Literal["breast_cancer", "diabetes", "digits", "wine"] = "breast_cancer"
    dim: PositiveInt = 6
    held_out: PositiveInt = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim > FEATURES[self.data]:
            raise ValueError(f"{self.data} has {FEATURES[self.data]} features, fewer than {self.dim}")
        if self._quantised and self.dim != FEATURES[self.data]:
            raise ValueError(f"{self.data} are fitted whole: dim must be {FEATURES[self.data]}, not {self.dim}")

    @property
    def _quantised(self) -> bool:
        return self.data == "digits"

    @cached_property
    def _raw(self) -> tuple[Tensor, Tensor]:
        """Training and held-out features as they are on disk, float64."""
        from sklearn import datasets
        from sklearn.model_selection import train_test_split

        features = getattr(datasets, f"load_{self.data}")().data
        train, test = train_test_split(features, test_size=HELD_OUT, random_state=self.seed)
        return torch.from_numpy(train), torch.from_numpy(test)

    @cached_property
    def _shown(self) -> tuple[Tensor, Tensor]:
        """Both without steps: digits with noise of their own. float64."""
        train, test = self._raw
        if not self._quantised:
            return train, test
        generator = self.data_generator()
        return DigitsSplit.in_unit_cube(train, generator), DigitsSplit.in_unit_cube(test, generator)

    @cached_property
    def _whitening(self) -> tuple[Tensor, Tensor]:
        """A (features, dim) and c (dim,) of x = yA + c, float64."""
        from sklearn.decomposition import PCA
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        train = self._shown[0].numpy()
        fitted = make_pipeline(StandardScaler(), PCA(self.dim, whiten=True, svd_solver="full")).fit(train)
        identity = torch.eye(train.shape[1], dtype=torch.float64)
        c = torch.from_numpy(fitted.transform(0 * identity[:1].numpy()))
        return torch.from_numpy(fitted.transform(identity.numpy())) - c, c[0]

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor]:
        """Training and held-out points in the model's coordinates, (points, dim) each, float64."""
        A, c = self._whitening
        train, test = (y @ A + c for y in self._shown)
        return train, test

    @cached_property
    def _train(self) -> Tensor:
        """What minibatches are drawn from: points, or grey levels."""
        return self.place(self._raw[0] if self._quantised else self._parts[0])

    @cached_property
    def _placed_whitening(self) -> tuple[Tensor, Tensor]:
        A, c = self._whitening
        return self.place(A), self.place(c)

    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(self._train), (n, self.batch), generator=generator, device=generator.device)
        found = self._train[chosen]
        if not self._quantised:
            return found
        A, c = self._placed_whitening
        return DigitsSplit.in_unit_cube(found, generator) @ A + c

    @property
    def exact_held_out(self) -> Tensor:
        return self._parts[1][: self.held_out]

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        """Held-out points, whatever `held_out` says."""
        return self.original(self._parts[1][:n])

    def original(self, x: Tensor) -> Tensor:
        if not self._quantised:
            return x
        A, c = (one.to(x) for one in self._whitening)
        return torch.linalg.solve(A, x - c, left=False)

    @cached_property
    def log_jacobian(self) -> float:
        return float(torch.linalg.slogdet(self._whitening[0]).logabsdet) if self._quantised else 0.0

    @property
    def grey_level(self) -> float | None:
        return 1 / DigitsSplit.levels if self._quantised else None

    @cached_property
    def truth(self) -> Tensor:
        return torch.zeros(len(self.checkpoints), dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "none: 0, so that the error is the held-out negative log-likelihood itself"
