"""Storchastic (van Krieken, Tomczak, ten Teije): stochastic graphs whose nodes name their gradient estimator.

Bridge, for all: the batch is a plate (`storch.denote_independent`), over which Storchastic takes means, so gradients
are multiplied by its size; the distribution has `probs`, which its estimators of categorical variables need. Samples
come from torch's global generator, which is seeded for the time of a call. Importing the library replaces methods of
`torch.Tensor` and switches off checks of `torch.distributions` for the whole process: here that is in force only while
it works, so that other rows are measured with torch as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, OneHotCategorical

from estibench import Claim, Cost, Exact, PositiveInt, Unbiased, Unsupported
from estibench_discrete import Memoryless, Objective, is_gradient, is_plain
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("storchastic", "entmax", "pyro-ppl", "pyro-api", "opt-einsum", "tqdm")
REPLACED = ((torch, "is_tensor"), (torch.Tensor, "to"), (torch.Tensor, "le"), (torch.Tensor, "gt"))
Attributes = tuple[Any, ...]


def _exchange(new: Attributes, validate: bool) -> tuple[Attributes, bool]:
    """Sets the attributes that the library replaces, and returns what they were."""
    old = tuple(getattr(owner, name) for owner, name in REPLACED), Distribution._validate_args
    for (owner, name), value in zip(REPLACED, new, strict=True):
        setattr(owner, name, value)
    Distribution.set_default_validate_args(validate)
    return old


@cache
def _replacements() -> tuple[Attributes, bool]:
    """What the library's import sets; torch is left as it was."""
    before = tuple(getattr(owner, name) for owner, name in REPLACED), Distribution._validate_args
    with library(*INSTALL):
        import storch  # noqa: F401
    return _exchange(*before)


@contextmanager
def storchastic() -> Iterator[Any]:
    """The library with torch as it wants it."""
    theirs = _replacements()
    with library(*INSTALL):
        import storch
    ours = _exchange(*theirs)
    try:
        yield storch
    finally:
        storch.reset()
        _exchange(*ours)


@dataclass(frozen=True)
class _Storch(Memoryless):
    data_last: ClassVar[bool] = True
    """Whether samples are (n, batch, L, K); those without replacement are (batch, k, L, K)."""

    @abstractmethod
    def method(self, storch: Any, like: Tensor) -> Any:
        """The library's `Method`, new for each estimate."""

    def distribution(self, theta: Tensor) -> Distribution:
        """Of (batch, L) variables."""
        return OneHotCategorical(probs=theta.softmax(-1))

    def one_hot(self, sample: Tensor) -> Tensor:
        """(..., L, K)."""
        return sample

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        leaf = logits.detach().requires_grad_()
        with storchastic() as storch, torch_seeded(generator), torch.enable_grad():

            def f(sample: Tensor) -> Tensor:
                z = self.one_hot(sample).to(logits.dtype)
                z = z if self.data_last else z.transpose(0, 1)
                values = objective.value(z.reshape(-1, *logits.shape)).reshape(z.shape[:-2])
                return values if self.data_last else values.transpose(0, 1)

            theta = storch.denote_independent(leaf * 1, 0, "data")  # it hooks a node's inputs, and a leaf has none
            sample = self.method(storch, logits)(self.distribution(theta))
            storch.add_cost(storch.deterministic(f)(sample), "f")
            storch.backward()
        assert leaf.grad is not None
        return leaf.grad.detach() * len(logits)


UNBIASED = Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted")
EVALUATIONS = Cost("evaluation", lambda problem, estimator: estimator.n_samples * problem.calls, "n for each gradient")


@dataclass(frozen=True)
class StorchScoreFunction(_Storch):
    """`storch.method.ScoreFunction(plate, n_samples=n, baseline_factory=baseline)`.

    Documentation (README, Algorithms): "REINFORCE with Moving Average baseline", "REINFORCE with Leave-One-Out baseline
    (RLOO)"; (storch.method.ScoreFunction): "It is always applicable, but has high variance without variance reduction
    techniques." REINFORCE is unbiased, with a baseline that does not depend on the sample.

    Parameters:
        n_samples: n.
        baseline: none; batch_average, the mean of the others; moving_average, decay 0.95, one new for each estimate,
            as in a first step of training.
    """

    n_samples: PositiveInt = 1
    baseline: Literal["none", "batch_average", "moving_average"] = "none"

    claims: ClassVar[tuple[Claim, ...]] = (UNBIASED, EVALUATIONS)
    citation = "storch.method.ScoreFunction; Williams 1992; Mnih and Rezende, ICML 2016."

    def method(self, storch: Any, like: Tensor) -> Any:
        if self.baseline == "batch_average" and self.n_samples < 2:
            raise Unsupported("batch_average needs at least 2 n_samples")
        return storch.method.ScoreFunction("z", n_samples=self.n_samples, baseline_factory=self.baseline)


@dataclass(frozen=True)
class StorchExpect(_Storch):
    """`storch.method.Expect(plate)`.

    Documentation (README, Algorithms): "Expected value for enumerable distributions".
    """

    claims = (Exact(when=lambda problem, estimator: is_plain(problem), given="the gradient in the logits is wanted"),)
    citation = "storch.method.Expect."

    def method(self, storch: Any, like: Tensor) -> Any:
        if like.shape[:-1].numel() > 1:
            raise Unsupported("Expect sums over all states of all variables and data together: one variable, one datum")
        return storch.method.Expect("z")


@dataclass(frozen=True)
class StorchUnorderedSet(_Storch):
    """`storch.method.UnorderedSetEstimator(plate, k)`, with its own baseline.

    Documentation (storch.method.UnorderedSetEstimator): "Implements the Unordered Set REINFORCE Estimator with
    baseline"; of the paper: unbiased. "This implementation uses the trapezoid rule to compute the leave-one-out ratio."

    Parameters:
        k: samples without replacement, fewer than the states.
    """

    k: PositiveInt = 2

    claims = (UNBIASED,)
    citation = "storch.method.UnorderedSetEstimator; Kool, van Hoof, Welling, ICLR 2020."

    data_last = False

    def method(self, storch: Any, like: Tensor) -> Any:
        if self.k >= like.shape[-1]:
            raise Unsupported(f"k = {self.k} samples without replacement need more than {like.shape[-1]} values")
        return storch.method.UnorderedSetEstimator("z", k=self.k)


@dataclass(frozen=True)
class StorchWithoutReplacement(_Storch):
    """`storch.method.ScoreFunctionWOR(plate, k, biased)`, with its own baseline.

    Documentation (README, Algorithms): "REINFORCE Without Replacement [6]"; (storch.method.ScoreFunctionWOR):
    "Implement Buy 4 REINFORCE Samples, Get a Baseline for Free! Use biased=True for the biased normalized version which
    has lower variance." So biased=False is unbiased.

    Parameters:
        k: samples without replacement, fewer than the states.
        biased: the library's; its default is True.
    """

    k: PositiveInt = 2
    biased: bool = True

    claims = (
        Unbiased(
            when=lambda problem, estimator: is_gradient(problem) and not estimator.biased,
            given="biased is False",
        ),
    )
    expected_failures: ClassVar[Mapping[str, str]] = {
        "claims": "storchastic 0.3.7: examples/defects/storchastic_without_replacement.py"
    }
    citation = "storch.method.ScoreFunctionWOR; Kool, van Hoof, Welling, ICLR workshop 2019."

    data_last = False

    def method(self, storch: Any, like: Tensor) -> Any:
        if self.k >= like.shape[-1]:
            raise Unsupported(f"k = {self.k} samples without replacement need more than {like.shape[-1]} values")
        return storch.method.ScoreFunctionWOR("z", self.k, biased=self.biased)


Family = Literal["categorical", "bernoulli"]


@dataclass(frozen=True)
class _Relaxed(_Storch):
    """Parameters:
    n_samples: n.
    family: of the distribution: categorical, one-hot; or bernoulli, for variables of two values.
    """

    n_samples: PositiveInt = 1
    family: Family = "categorical"

    def distribution(self, theta: Tensor) -> Distribution:
        return bernoulli(theta) if self.family == "bernoulli" else super().distribution(theta)

    def one_hot(self, sample: Tensor) -> Tensor:
        return torch.stack([1 - sample, sample], -1) if self.family == "bernoulli" else sample


def bernoulli(theta: Tensor) -> Bernoulli:
    """Of the second of two values: p = σ(θ_1 − θ_0)."""
    if theta.shape[-1] != 2:
        raise Unsupported(f"needs binary variables, these have {theta.shape[-1]} values")
    return Bernoulli(probs=torch.sigmoid(theta[..., 1] - theta[..., 0]))


@dataclass(frozen=True)
class StorchRebar(_Relaxed):
    """`storch.method.REBAR(plate, n_samples=n)`, without a network.

    Documentation (README, Algorithms): "REBAR [10]", whose paper is "REBAR: Low-variance, unbiased gradient estimates
    for discrete latent variable models"; (storch.method.RELAX): "Gradient estimator for Bernoulli and Categorical
    distributions on any function."
    """

    claims = (
        UNBIASED,
        Cost("evaluation", lambda problem, estimator: 3 * estimator.n_samples * problem.calls, "3n for each gradient"),
    )
    citation = "storch.method.REBAR; Tucker et al., NeurIPS 2017."

    def method(self, storch: Any, like: Tensor) -> Any:
        return storch.method.REBAR("z", n_samples=self.n_samples)


@dataclass(frozen=True)
class StorchRelax(_Relaxed):
    """`storch.method.RELAX(plate, in_dim=…, n_samples=n)`, with its default network, not trained.

    Documentation (storch.method.RELAX): "Gradient estimator for Bernoulli and Categorical distributions on any
    function. Implements the RELAX estimator from Grathwohl et al, 2018"; of the paper: unbiased for any network.
    """

    claims = (UNBIASED, EVALUATIONS)
    citation = "storch.method.RELAX; Grathwohl et al., ICLR 2018."

    def method(self, storch: Any, like: Tensor) -> Any:
        _, variables, values = like.shape
        shape = (variables,) if self.family == "bernoulli" else (variables, values)
        with torch_seeded(
            torch.Generator().manual_seed(0)
        ):  # the same network in all draws: a mean over networks hides bias
            found = storch.method.RELAX("z", in_dim=shape, n_samples=self.n_samples)
        return found.to(like.dtype)


@dataclass(frozen=True)
class StorchArm(_Storch):
    """`storch.method.ARM(plate, n_samples=n)`, for binary variables.

    Documentation (README, Algorithms): "ARM [15]"; of the paper: unbiased.

    Parameters:
        n_samples: n antithetic pairs.
    """

    n_samples: PositiveInt = 1

    claims = (
        UNBIASED,
        Cost("evaluation", lambda problem, estimator: 2 * estimator.n_samples * problem.calls, "2n for each gradient"),
    )
    citation = "storch.method.ARM; Yin and Zhou, ICLR 2019."

    def method(self, storch: Any, like: Tensor) -> Any:
        return storch.method.ARM("z", n_samples=self.n_samples)

    def distribution(self, theta: Tensor) -> Distribution:
        return bernoulli(theta)

    def one_hot(self, sample: Tensor) -> Tensor:
        return torch.stack([1 - sample, sample], -1)
