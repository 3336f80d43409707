"""PyTorch's own gradients through categorical variables. Nothing to install.

Bridge, for all: the noise comes from torch's global generator, which is seeded for the time of a call; gradients in the
logits are autograd's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical, OneHotCategoricalStraightThrough, RelaxedOneHotCategorical
from torch.nn.functional import gumbel_softmax, one_hot

from estibench import Bias, Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_discrete import Memoryless, Objective, has_degree, is_gradient
from estibench_peers.by_autograd import by_autograd
from estibench_peers.coin import is_coin, relaxed_bias
from estibench_peers.seeds import torch_seeded


def evaluations(problem: object, estimator: TorchGumbelSoftmax) -> int:
    """n for each gradient."""
    return estimator.samples * problem.calls  # type: ignore[attr-defined]


COST = Cost("evaluation", evaluations, "n for each gradient")


@dataclass(frozen=True)
class TorchGumbelSoftmax(Memoryless):
    """`torch.nn.functional.gumbel_softmax(logits, tau, hard)`.

    Documentation (torch.nn.functional.gumbel_softmax): "Sample from the Gumbel-Softmax distribution […] and optionally
    discretize"; "hard: if True, the returned samples will be discretized as one-hot vectors, but will be differentiated
    as if it is the soft sample in autograd". Relaxed samples are biased for the discrete variable: how much, follows
    from these words, and is the claim.

    Parameters:
        tau, hard: the library's.
        samples: n rows of logits, each with noise of its own.
    """

    tau: PositiveFloat = 1.0
    hard: bool = False
    samples: PositiveInt = 1

    claims = (
        Bias(
            lambda problem, estimator: relaxed_bias(problem, estimator.tau, estimator.hard),
            "that of Gumbel-softmax samples at τ, by quadrature",
            when=lambda problem, estimator: is_coin(problem),
            given="one variable of two values",
        ),
        COST,
    )
    citation = "torch.nn.functional; Jang, Gu, Poole, ICLR 2017; Maddison, Mnih, Teh, ICLR 2017."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        def samples(theta: Tensor) -> Tensor:
            return gumbel_softmax(theta.expand(self.samples, *theta.shape), tau=self.tau, hard=self.hard)

        with torch_seeded(generator):
            return by_autograd(objective, logits, samples)


@dataclass(frozen=True)
class TorchRelaxedCategorical(Memoryless):
    """`torch.distributions.RelaxedOneHotCategorical(temperature, logits=logits).rsample()`.

    Documentation (torch.distributions, RelaxedOneHotCategorical): "This is a relaxed version of the OneHotCategorical
    distribution, so its samples are on simplex, and are reparametrizable." The claim is the bias of such samples.

    Parameters:
        temperature: the library's, which has no default.
        samples: n.
    """

    temperature: PositiveFloat = 1.0
    samples: PositiveInt = 1

    claims = (
        Bias(
            lambda problem, estimator: relaxed_bias(problem, estimator.temperature, hard=False),
            "that of relaxed samples at the temperature, by quadrature",
            when=lambda problem, estimator: is_coin(problem),
            given="one variable of two values",
        ),
        COST,
    )
    citation = "torch.distributions; Maddison, Mnih, Teh, ICLR 2017."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        temperature = torch.tensor(self.temperature, dtype=logits.dtype, device=logits.device)
        with torch_seeded(generator):
            return by_autograd(
                objective,
                logits,
                lambda theta: RelaxedOneHotCategorical(temperature, logits=theta).rsample((self.samples,)),
            )


@dataclass(frozen=True)
class TorchStraightThrough(Memoryless):
    """`torch.distributions.OneHotCategoricalStraightThrough(logits=logits).rsample()`.

    Documentation (torch.distributions, OneHotCategoricalStraightThrough): "Creates a reparameterizable
    OneHotCategorical distribution based on the straight-through gradient estimator from [1]", Bengio et al. 2013:
    unbiased for a multilinear objective, and biased else.

    Parameters:
        samples: n.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: has_degree(problem, 1), given="the objective is multilinear"),
        COST,
    )
    citation = "torch.distributions; Bengio, Léonard, Courville, arXiv 1308.3432, 2013."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        with torch_seeded(generator):
            return by_autograd(
                objective, logits, lambda theta: OneHotCategoricalStraightThrough(logits=theta).rsample((self.samples,))
            )


@dataclass(frozen=True)
class TorchScoreFunction(Memoryless):
    """The loss −log_prob · reward with `torch.distributions.Categorical`, as the documentation builds it.

    Documentation (torch.distributions, Score function): "Whilst the score function only requires the value of samples
    f(x) […] In practice we would sample an action from the output of a network, […] and then use log_prob to construct
    an equivalent loss function." The score function's gradient is unbiased.

    Bridge: the reward is −f, and the loss is summed over latents, whose score functions add up.

    Parameters:
        samples: n.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        COST,
    )
    citation = "torch.distributions, Score function; Williams, Machine Learning 8, 1992."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        leaf = logits.detach().requires_grad_()
        with torch_seeded(generator), torch.enable_grad():
            m = Categorical(logits=leaf)
            action = m.sample((self.samples,))
            reward = -objective.value(one_hot(action, logits.shape[-1]).to(logits.dtype))
            loss = -m.log_prob(action).sum(-1) * reward
            return torch.autograd.grad(loss.mean(0).sum(), leaf)[0]
