"""A user's own density: a network or a function that gives its logarithm or an energy, at points of any shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Density, Own, OwnFunction, OwnPoints, Unsupported, UserError, finite, repeats
from estibench_sampling.problem import Sampling

CHAINS = 256
RAYS, FAR = 16, (1e2, 1e3)  # along so many rays, between these distances, in units of √dim
POWER_STEPS = 20  # of the iteration for the largest curvature


@dataclass(frozen=True, kw_only=True)
class OwnDensity(Density):
    """p ∝ exp(±f) on R^dim, its score by automatic differentiation.

    Attributes:
        own: f, (n, *shape) → (n,) or (n, 1).
        sign: 1 for a logarithm of the density, −1 for an energy.
        shape: of a point.
        samples: exact ones, (N, dim), float64, where the user has them.
    """

    own: OwnFunction
    sign: int
    shape: tuple[int, ...]
    samples: Tensor | None = None

    @property
    def exact_sampler(self) -> bool:  # type: ignore[override]
        return self.samples is not None

    @cached_property
    def _placed(self) -> OwnFunction:
        return self.own.at(self.device, self.torch_dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        values = self._placed(x.reshape(-1, *self.shape))
        return self.sign * values.reshape(x.shape[:-1])

    def score(self, x: Tensor) -> Tensor:
        return self.log_prob_and_score(x)[1]

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        leaf = x.detach().requires_grad_()
        with torch.enable_grad():
            each = self.log_prob(leaf)
            total = each.sum()
        return each.detach(), torch.autograd.grad(total, leaf)[0]

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Drawn from the user's samples, with replacement."""
        if self.samples is None:
            raise Unsupported("there are no exact samples of this density")
        return self.samples[torch.randint(len(self.samples), (n,), generator=generator)]

    @property
    def log_normalizer(self) -> float | None:
        return None

    @property
    def mean(self) -> Tensor | None:
        return None if self.samples is None else self.samples.mean(0)

    @property
    def covariance_matrix(self) -> Tensor | None:
        return None if self.samples is None else torch.atleast_2d(self.samples.T.cov())


def own_sampling(
    *,
    log_prob: Callable[[Tensor], Tensor] | None = None,
    energy: Callable[[Tensor], Tensor] | None = None,
    dim: int | Sequence[int],
    samples: Tensor | None = None,
    chains: int = CHAINS,
) -> Sampling:
    """Samples of your density from its score.

    Args:
        log_prob: an `nn.Module` or a function, (n, *shape) → (n,) or (n, 1), up to a constant.
        energy: its negative, instead.
        dim: the dimension, or the shape of one point: 784, or (1, 28, 28).
        samples: exact ones, (N, *shape), if you have them: distances to them then judge; else Stein discrepancies.
        chains: independent chains of one run.
    """
    if (log_prob is None) == (energy is None):
        raise UserError("log_prob: give either log_prob or energy")
    given, name, sign = (log_prob, "log_prob", 1) if energy is None else (energy, "energy", -1)
    own = OwnFunction.of(getattr(given, "log_prob", given) if sign == 1 else given, name)
    shape = (int(dim),) if isinstance(dim, int) else tuple(int(one) for one in dim)
    device, dtype = own.home or ("cpu", torch.get_default_dtype())
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, *shape, generator=generator, dtype=torch.float64).to(device=device, dtype=dtype)
    values = finite(repeats(own, x), name)
    if values.shape not in ((4,), (4, 1)):
        raise UserError(f"{name}: expected one value for each point, (4,), got {tuple(values.shape)}")
    apart = torch.cat([own.checked(one[None]) for one in x])
    if not torch.allclose(values, apart, rtol=1e-3, atol=1e-5):
        raise UserError(f"{name}: the value at one point depends on the others of the batch")
    exact = None if samples is None else OwnPoints.of(samples, "samples").data
    if exact is not None and exact.shape[1:] != shape:
        raise UserError(f"samples: expected (N, {', '.join(map(str, shape))}), got {tuple(exact.shape)}")
    m, kind = math.prod(shape), str(dtype).removeprefix("torch.")
    flat = None if exact is None else exact.reshape(-1, m)
    density = OwnDensity(own=own, sign=sign, shape=shape, samples=flat, dim=m, device=device, dtype=kind)
    finite(density.score(x.reshape(4, m)), f"the gradient of {name}")
    return Sampling(density=density, dim=m, chains=chains, device=device, dtype=kind)


def ladder(problem: Sampling) -> list[str | Mapping[str, Any]]:
    """Langevin and Hamiltonian samplers with step sizes from the largest curvature L where the chains start."""
    largest = curvature(problem)
    short, long = 0.2 / largest, 1.0 / largest
    found: list[str | Mapping[str, Any]] = [
        {"name": "ula", "steps": [100, 500], "step_size": [_rounded(short), _rounded(long)]},
        {"name": "mala", "steps": [100, 500], "step_size": _rounded(long)},
        {"name": "hmc", "steps": 50, "step_size": _rounded(math.sqrt(long) / 2)},
    ]
    return ["exact_sampler", *found] if problem.density.exact_sampler else found


def curvature(problem: Sampling) -> float:
    """The largest modulus of an eigenvalue of ∇² log p at the starting points, by power iteration on differences."""
    x = problem.starting_points(torch.Generator(problem.device).manual_seed(0))[:8]
    density = problem.density.at(problem.device, problem.dtype)
    v = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(x)
    h, base, size = 1e-2, density.score(x), torch.ones(1)
    for _ in range(POWER_STEPS):
        v = v / v.norm(dim=-1, keepdim=True).clamp(min=1e-30)
        v = (density.score(x + h * v) - base) / h
        size = v.norm(dim=-1)
    return max(float(size.max()), 1e-6)


def _rounded(number: float) -> float:
    """Two digits: a step size that people can read."""
    return float(f"{number:.2g}")


def caution(problem: Sampling) -> str:
    """A sentence about a density that does not fall fast enough along some rays to have a normaliser.

    On R^m the integral of p exists only if p falls faster than ‖x‖^−m along almost all rays: d log p/d log r < −m.
    """
    density, m = problem.density, problem.dim
    assert isinstance(density, OwnDensity)
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(RAYS, m, generator=generator, dtype=torch.float64)
    u = u / u.norm(dim=1, keepdim=True)
    near, far = (density.at("cpu", "float64").log_prob(r * m**0.5 * u).detach() for r in FAR)
    slope = (far - near) / math.log(FAR[1] / FAR[0])
    bad = int((slope > -m).sum())  # not those where both are −∞
    if not bad:
        return ""
    what = "energy grows" if density.sign < 0 else "density falls"
    return (
        f"Mind: the {what} too slowly far out (along {bad} of {RAYS} rays) for the density to have a normaliser: then "
        "there is nothing to sample from, and chains drift away; is a term such as ‖x‖²/2 missing?"
    )


OWN = Own(
    own_sampling,
    ladder,
    "exact sampling",
    "a score evaluation is one gradient of the log-density at all chains",
    caution=caution,
)
