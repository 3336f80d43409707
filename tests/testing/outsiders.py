"""Estimators as other people write them: in numpy, in plain Python, in place, with `autograd.grad` inside, with a
module of their own, around a library that draws from the global generator. Each stands beside one that is wrong.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from estibench import Estimator, EstimatorEntry, count, hookimpl, seeded
from estibench_discrete import CategoricalLaw, Memoryless, Objective
from estibench_sampling import Sampler, Target
from estibench_score import PlainLoss, ScoreGradient
from estibench_selftest import Constant

CITATION = "Everything about it follows from its definition."


def seed_of(generator: torch.Generator) -> int:
    """A number to seed another library's generator with."""
    return int(torch.randint(2**31, (), generator=generator, device=generator.device))


# numpy: the score function for categorical variables, sample by sample.


@dataclass(frozen=True)
class Numpy(Memoryless):
    """z ~ Cat(p) from numpy's generator, f(z) (z − p)."""

    citation = CITATION

    def rng(self, generator: torch.Generator) -> np.random.Generator:
        return np.random.default_rng(seed_of(generator))

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.softmax(logits, -1)
        rows, rng = p.double().numpy().reshape(-1, p.shape[-1]), self.rng(generator)
        chosen = np.array([rng.choice(len(row), p=row / row.sum()) for row in rows])
        z = torch.nn.functional.one_hot(torch.from_numpy(chosen), p.shape[-1]).reshape(p.shape).to(p.dtype)
        return objective.value(z[None])[0][:, None, None] * (z - p)


@dataclass(frozen=True)
class NumpyGlobal(Numpy):
    """The same from numpy's global state."""

    def rng(self, generator: torch.Generator) -> Any:
        return np.random


# Plain Python: a known vector, component by component.


@dataclass(frozen=True)
class Python(Estimator):
    """The truth and Gauss' noise from `random`."""

    citation = CITATION

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        rng = random.Random(seed_of(generator))
        count("evaluation")
        return torch.tensor([t + rng.gauss(0, 1) for t in problem.target.tolist()], dtype=problem.torch_dtype)


@dataclass(frozen=True)
class PythonDefault(Estimator):
    """The same, in torch's default dtype."""

    citation = CITATION

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        rng = random.Random(seed_of(generator))
        count("evaluation")
        return torch.tensor([t + rng.gauss(0, 1) for t in problem.target.tolist()])


# In place: Langevin steps that overwrite their state.


class State(NamedTuple):
    """x: (chains, dim)."""

    x: Tensor


@dataclass(frozen=True)
class InPlace(Sampler):
    """x += η ∇log p(x) + √(2η) ξ, in the one tensor."""

    citation = CITATION

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return State(x)

    def step(self, target: Target, state: State, control: Any, generator: torch.Generator) -> State:
        state.x.add_(target.score(state.x), alpha=0.05)
        noise = torch.randn(state.x.shape, generator=generator, dtype=state.x.dtype)
        state.x.add_(noise, alpha=0.1**0.5)
        return state


@dataclass(frozen=True)
class InProblem(Estimator):
    """Gumbel noise is added to the problem's own logits."""

    citation = CITATION

    def estimate(self, problem: CategoricalLaw, generator: torch.Generator) -> Tensor:
        logits = problem.logits
        logits -= (-problem.uniforms(tuple(logits.shape), logits.dtype, generator).log()).log()
        return torch.nn.functional.one_hot(logits.argmax(), len(logits)).to(problem.torch_dtype)


# `autograd.grad` inside: score matching as everyone writes it.


@dataclass(frozen=True)
class Autograd(PlainLoss):
    """tr ∇s by one random direction, differentiated in x by `torch.autograd.grad`; `torch.randn_like` draws."""

    citation = CITATION

    def objective(self, model: Any, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        v, s = torch.randn_like(x), model(x)
        (products,) = torch.autograd.grad(s, x, v, create_graph=True)
        return (products * v).sum(-1).mean() + 0.5 * s.square().sum(-1).mean()


@dataclass(frozen=True)
class Backward(Estimator):
    """The gradient of the same kind, left where `backward()` puts it: in the problem's parameters."""

    citation = CITATION

    def estimate(self, problem: ScoreGradient, generator: torch.Generator) -> Tensor:
        x = problem.minibatches(1, generator, denoises=False)[0]
        with torch.enable_grad():
            theta = problem.theta.requires_grad_()
            problem.field(theta, transformed=False)(x).square().sum(-1).mean().backward()
        assert theta.grad is not None
        return theta.grad.clone()


# A module of its own: a baseline that is learnt within the estimate.


@dataclass(frozen=True)
class Learns(Memoryless):
    """REINFORCE; a linear baseline is fitted to earlier samples by SGD, so that each term stays unbiased."""

    citation = CITATION

    def network(self, size: int, generator: torch.Generator) -> torch.nn.Linear:
        with seeded(generator):
            return torch.nn.Linear(size, 1)

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.softmax(logits.detach(), -1)
        network = self.network(p.shape[-1], generator).to(p.dtype)
        optimiser, total = torch.optim.SGD(network.parameters(), lr=0.1), torch.zeros_like(p)
        for _ in range(4):
            u = torch.rand(p.shape, generator=generator, dtype=p.dtype)
            chosen = (p.log() - (-u.log()).log()).argmax(-1)
            z = torch.nn.functional.one_hot(chosen, p.shape[-1]).to(p.dtype)
            f = objective.value(z[None])[0]  # (batch,)
            with torch.enable_grad():
                baseline = network(p).mean((-2, -1))
                loss = (f - baseline).square().mean()
            total += (f - baseline.detach())[:, None, None] * (z - p)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return total / 4


_KEPT: dict[int, torch.nn.Linear] = {}


@dataclass(frozen=True)
class Remembers(Learns):
    """The network goes on to the next estimate as the last one has left it."""

    def network(self, size: int, generator: torch.Generator) -> torch.nn.Linear:
        if size not in _KEPT:
            _KEPT[size] = super().network(size, generator)
        return _KEPT[size]


@dataclass(frozen=True)
class GlobalWeights(Learns):
    """The network's first weights are whatever the global generator gives."""

    def network(self, size: int, generator: torch.Generator) -> torch.nn.Linear:
        return torch.nn.Linear(size, 1)


# A library that draws from the global generator.


def library_trace(matvec: Any, dim: int) -> Tensor:
    """Some library's estimate of a trace."""
    v = torch.randn(dim, dtype=torch.float64).sign()
    return v @ matvec(v)


@dataclass(frozen=True)
class Library(Estimator):
    """The library's estimate, seeded."""

    citation = CITATION

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        with seeded(generator):
            return self.called(problem)

    def called(self, problem: Any) -> Tensor:
        operator = problem.operator()

        def matvec(v: Tensor) -> Tensor:
            return operator.rmatvec(v.to(problem.torch_dtype)[None, None])[0, 0].double()

        return library_trace(matvec, operator.dim)[None].to(problem.torch_dtype)


@dataclass(frozen=True)
class LibraryGlobal(Library):
    """The library's estimate, with the global generator as it comes."""

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        return self.called(problem)


@dataclass(frozen=True)
class LibraryReseeded(Library):
    """The library's estimate, the global generator seeded and left so."""

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        torch.manual_seed(seed_of(generator))
        return self.called(problem)


TASKS: dict[type, str] = {
    **dict.fromkeys((Numpy, NumpyGlobal, Learns, Remembers, GlobalWeights), "discrete_gradient"),
    **dict.fromkeys((Python, PythonDefault), "synthetic"),
    **dict.fromkeys((Autograd, Backward), "score_gradient"),
    **dict.fromkeys((Library, LibraryGlobal, LibraryReseeded), "trace"),
    InPlace: "sampling",
    InProblem: "categorical_sampling",
}


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(f"outside_{cls.__name__.lower()}", f"{__name__}:{cls.__name__}", "an outsider", (task,))
        for cls, task in TASKS.items()
    ]
