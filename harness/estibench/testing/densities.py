"""Checks of a density: its derivatives against autograd, its sampler and its moments against both.

Statistical checks fail for a density that conforms with a probability below `LEVEL`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from estibench.contracts.density import Density, LaplacianDensity, NoisedDensity
from estibench.measure.globals import untouched
from estibench.testing.problems import holds_a_tensor
from estibench.testing.trial import CheckFailedError, NotApplicable

LEVEL = 1e-6
POINTS = 16  # at which derivatives are compared
SAMPLES = 4096
FIELDS = 8  # bounded test fields for Stein's identity
CLOSE = 1e-6  # relative distance that rounding of float64 explains for second derivatives
MODES = 32  # that are looked at
LARGEST_SHARE = 0.05  # of one sample in a sum of squares, beyond which a t-test means nothing
SIGMA = 0.5  # of the noise that is added
CELLS = 8  # bins along each axis of a density in the plane
FINE = 48  # midpoints along each axis of a bin


@dataclass
class Law:
    """A density to be checked."""

    density: Any

    def fresh(self) -> Any:
        """The same density without anything that it has computed."""
        return dataclasses.replace(self.density)

    @cached_property
    def samples(self) -> Tensor:
        """Samples (n, dim). Raises `NotApplicable` where they are no samples of the right shape."""
        found = self.density.sample(SAMPLES, torch.Generator().manual_seed(0))
        if not isinstance(found, Tensor) or found.shape != (SAMPLES, self.density.dim):
            raise NotApplicable("it does not sample: see samples_are_placed")
        return found.to(torch.float64)

    @property
    def points(self) -> Tensor:
        """Where derivatives are compared, (n, dim)."""
        return self.samples[:POINTS]

    def exact_samples(self) -> Tensor:
        """Samples, where the density says that they are exact."""
        if not self.density.exact_sampler:
            raise NotApplicable("its sampler is approximate, and says so")
        return self.samples


def shapes_follow_the_batch(law: Law) -> None:
    """Any number of leading batch dimensions goes through, point by point, under `torch.func.vmap` as well."""
    x = law.points
    functions = _functions(law.density)
    for name, (function, trailing) in functions.items():
        flat, last = function(x), ([law.density.dim] if trailing else [])
        for shape in ((POINTS,), (), (4, POINTS // 4)):
            given = x.reshape(*shape, -1) if shape else x[0]
            found, wanted = function(given), (*shape, *last)
            whole = tuple(flat.shape) == (POINTS, *last)
            reference = (flat.reshape(wanted) if shape else flat[0]) if whole else flat
            if not whole or tuple(found.shape) != wanted or not torch.allclose(found, reference, rtol=1e-9, atol=1e-9):
                raise CheckFailedError(
                    f"{name} of points {tuple(given.shape)} is {tuple(found.shape)}, or not what single points give",
                    f"{wanted}, each point by itself",
                    "work on the last axis only: sum(-1), einsum('...i', …)",
                )
        try:
            mapped = torch.func.vmap(function)(x)
        except Exception as error:
            raise CheckFailedError(
                f"{name} under torch.func.vmap raises {type(error).__name__}: {str(error).splitlines()[0]}",
                "functions that compose with torch.func",
                "no data-dependent branches, no .item(), no in-place writes",
            ) from error
        if not torch.allclose(mapped, flat, rtol=1e-9, atol=1e-9):
            raise CheckFailedError(
                f"{name} under vmap differs from a batch", "the same values", "work on the last axis only"
            )


def score_is_the_gradient(law: Law) -> None:
    """`score` is the gradient of `log_prob`, by autograd."""
    _compare_score(law.density, law.points, "score", "log_prob")
    for name, found in zip(("log_prob", "score"), law.density.log_prob_and_score(law.points), strict=True):
        alone = getattr(law.density, name)(law.points)
        if found.shape != alone.shape or not torch.allclose(found, alone, rtol=CLOSE, atol=_atol(alone)):
            raise CheckFailedError(
                f"log_prob_and_score has another {name}: {_first(found)}…",
                f"{_first(alone)}…, as {name} alone",
                "it is for densities in which both share work; leave it out where they share none",
            )


def laplacian_is_the_trace(law: Law) -> None:
    """`laplacian` is the trace of the Jacobian of the score, by autograd."""
    density, x = law.density, law.points
    if not isinstance(density, LaplacianDensity):
        raise NotApplicable("it has no Laplacian")
    jacobian = torch.func.vmap(torch.func.jacrev(density.score))(x)
    expected, found = jacobian.diagonal(dim1=-2, dim2=-1).sum(-1), density.laplacian(x)
    if found.shape != expected.shape or not torch.allclose(found, expected, rtol=CLOSE, atol=_atol(expected)):
        raise CheckFailedError(
            f"laplacian is {_first(found)}…",
            f"{_first(expected)}…, the trace of the score's Jacobian",
            "derive it again: Δ log p = Σ ∂²log p/∂x_i², not divided by the dimension",
        )


def samples_are_placed(law: Law) -> None:
    """`sample` gives (n, dim) in float64 on the CPU, the same for the same seed, and touches no global generator."""
    density = law.density
    with untouched() as faults:
        found = density.sample(5, torch.Generator().manual_seed(3))
    if not isinstance(found, Tensor) or found.shape != (5, density.dim) or found.dtype != torch.float64:
        shown = f"{tuple(found.shape)} of {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
        raise CheckFailedError(
            f"five samples are {shown}", f"(5, {density.dim}) of torch.float64", "draw with dtype=torch.float64"
        )
    if found.device.type != "cpu":
        raise CheckFailedError(f"samples on {found.device}", "samples on the CPU", "move them in the problem, by place")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)
        again = law.fresh().sample(5, torch.Generator().manual_seed(3))
    if faults or not torch.equal(found, again):
        raise CheckFailedError(
            "; ".join(faults) or "the same seed gives other samples",
            "all randomness from the generator that is given",
            "pass generator=generator to every random call",
        )


def samples_follow_the_score(law: Law) -> None:
    """Stein's identity E[sᵀf + tr ∇f] = 0 holds for the samples and bounded fields f(x) = a cos(wᵀx/s + b)."""
    if not law.density.integrates_by_parts:
        raise NotApplicable("integration by parts leaves a boundary term, and it says so")
    x = law.exact_samples()
    p_value = _stein(law.density.score(x), x)
    if p_value < LEVEL:
        raise CheckFailedError(
            f"samples and score belong to different laws, p = {p_value:.1g} over {len(x)} samples",
            "samples of the density whose score it is",
            "compare both with a histogram: a scale, a sign, a missing square root?",
        )


def samples_follow_the_density(law: Law) -> None:
    """In one or two dimensions: samples fall into the bins of a grid as `log_prob`, integrated, says."""
    density = law.density
    if density.dim > 2:
        raise NotApplicable(f"a grid in {density.dim} dimensions is too large")
    x = law.exact_samples()
    edges = [
        torch.quantile(x[:, i].contiguous(), torch.linspace(0.01, 0.99, CELLS + 1).double()) for i in range(density.dim)
    ]
    inside = torch.stack([(x[:, i] >= e[0]) & (x[:, i] < e[-1]) for i, e in enumerate(edges)]).all(0)
    bins = torch.stack(
        [torch.bucketize(x[inside, i].contiguous(), e[1:-1].contiguous(), right=True) for i, e in enumerate(edges)]
    )
    observed = torch.zeros([CELLS] * density.dim, dtype=torch.float64)
    observed.index_put_(tuple(bins), torch.ones(bins.shape[1], dtype=torch.float64), accumulate=True)
    mass = _mass(density, edges)
    expected = mass / mass.sum() * observed.sum()
    p_value = _chi_square(observed.reshape(-1), expected.reshape(-1))
    if p_value < LEVEL:
        raise CheckFailedError(
            f"samples do not fall as log_prob says, p = {p_value:.1g} over {len(x)} samples",
            "samples of the density",
            "look at weights of modes, scales and signs; set exact_sampler = False where they are approximate",
        )
    normalizer = density.log_normalizer
    if normalizer is None:
        return
    probability = float(mass.sum()) * math.exp(-normalizer)
    hits = int(inside.sum())
    exact = float(stats.binomtest(hits, len(x), min(max(probability, 0.0), 1.0)).pvalue)
    if exact < LEVEL or probability > 1.05:
        raise CheckFailedError(
            f"{hits} of {len(x)} samples lie in a box of probability {probability:.4g}, p = {exact:.1g}",
            "a normalised density: ∫ exp(log_prob − log_normalizer) = 1",
            "correct the constant in log_prob or log_normalizer; None says that it is not known",
        )


def moments_fit_the_samples(law: Law) -> None:
    """`mean` and `covariance_matrix`, where they are given, are those of the samples, within their errors.

    Components whose spread rests on a few samples are left out.
    """
    density, x = law.density, law.exact_samples()
    mean, covariance = density.mean, density.covariance_matrix
    if mean is None:
        raise NotApplicable("its mean is not known")
    _t_test("mean", x, mean)
    if covariance is not None:
        centred = x - mean
        _t_test(
            "covariance_matrix", (centred[:, :, None] * centred[:, None, :]).reshape(len(x), -1), covariance.reshape(-1)
        )


def modes_are_maxima(law: Law) -> None:
    """At every mode the score is 0, and `log_prob` is no lower than at points nearby."""
    density = law.density
    modes = density.modes
    if modes is None:
        raise NotApplicable("its modes are not known")
    spread = law.samples.std(0).mean()
    steps = torch.randn(32, density.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    modes = modes[:MODES]
    near = density.log_prob(modes[:, None] + 1e-3 * spread * steps)
    top = density.log_prob(modes)[:, None]
    if bool((near > top + 1e-9 * (1 + top.abs())).any()):
        raise CheckFailedError(
            "log_prob is higher right beside a mode", "local maxima", "solve score(x) = 0 for them, to float64"
        )


def noised_is_the_convolution(law: Law) -> None:
    """`noised(σ)` is a density with its own score, and the law of x + σε."""
    density = law.density
    if not isinstance(density, NoisedDensity):
        raise NotApplicable("its convolution with noise is not known")
    noisy = density.noised(SIGMA)
    noise = torch.randn(law.samples.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = law.exact_samples() + SIGMA * noise
    _compare_score(noisy, y[:POINTS], "noised(σ).score", "noised(σ).log_prob")
    p_value = _stein(noisy.score(y), y)
    if p_value < LEVEL:
        raise CheckFailedError(
            f"x + σε and noised({SIGMA}) are different laws, p = {p_value:.1g}",
            "the exact convolution with N(0, σ²I)",
            "σ is a standard deviation: covariances grow by σ²",
        )


def same_density_everywhere(law: Law) -> None:
    """In float32 `log_prob` and `score` are those of float64, up to rounding."""
    x, narrow = law.points, law.fresh().at(law.density.device, "float32")
    for name in ("log_prob", "score"):
        wide, found = getattr(law.density, name)(x), getattr(narrow, name)(x.float())
        scale = float(wide.abs().max()) + 1
        distance = float((wide - found.double()).abs().max())
        if found.dtype != torch.float32 or not distance <= 1e-2 * scale:
            raise CheckFailedError(
                f"in float32, {name} is {found.dtype} and off by {distance:.3g}",
                "the same function in float32",
                "make data in float64 from the seed and cast them with self.place",
            )


def data_are_lazy(law: Law) -> None:
    """Making it computes nothing: planning a suite must cost nothing."""
    names = {one.name for one in dataclasses.fields(law.density)}
    made = [name for name, value in vars(law.fresh()).items() if name not in names and holds_a_tensor(value)]
    if made:
        raise CheckFailedError(
            f"{made[0]} exists as soon as the density does",
            "data that are made when they are first needed",
            "make them in a functools.cached_property instead of __post_init__",
        )


def _functions(density: Density) -> dict[str, tuple[Callable[[Tensor], Tensor], bool]]:
    """The density's functions, and whether each keeps the last axis."""
    found: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
        "log_prob": (density.log_prob, False),
        "score": (density.score, True),
    }
    return found | ({"laplacian": (density.laplacian, False)} if isinstance(density, LaplacianDensity) else {})


def _compare_score(density: Density, x: Tensor, name: str, of: str) -> None:
    density.log_prob(x[:1])  # data that it caches cannot be made under vmap
    expected = torch.func.vmap(torch.func.grad(density.log_prob))(x)
    found = density.score(x)
    if found.shape != expected.shape or not torch.allclose(found, expected, rtol=CLOSE, atol=_atol(expected)):
        raise CheckFailedError(
            f"{name} is {_first(found)}…", f"{_first(expected)}…, the gradient of {of}", "derive it again: sign, scale"
        )


def _atol(expected: Tensor) -> float:
    return CLOSE * (1 + float(expected.abs().median()))


def _first(values: Tensor) -> list[float]:
    return [round(float(value), 4) for value in values.reshape(-1)[:3]]


def _stein(score: Tensor, x: Tensor) -> float:
    """Smallest p-value over random bounded fields, corrected for their number."""
    n, m = x.shape
    random = torch.Generator().manual_seed(0)
    scale = (x - x.median(0).values).abs().median(0).values.clamp(min=1e-12)
    a, w = (torch.randn(FIELDS, m, dtype=torch.float64, generator=random) for _ in range(2))
    w = w / scale / math.sqrt(m)
    b = 2 * torch.pi * torch.rand(FIELDS, dtype=torch.float64, generator=random)
    a = a * scale  # each coordinate matters alike, whatever its scale
    phase = x @ w.T + b
    values = (score @ a.T) * phase.cos() - (a * w).sum(1) * phase.sin()
    t = values.mean(0) / (values.std(0) / math.sqrt(n))
    return min(1.0, FIELDS * float(2 * stats.t.sf(float(t.abs().max()), n - 1)))


def _mass(density: Density, edges: list[Tensor]) -> Tensor:
    """∫ exp(log_prob) over each bin of a grid, by midpoints."""
    middles, widths = [], []
    for edge in edges:
        width = (edge[1:] - edge[:-1]) / FINE
        offsets = torch.arange(FINE, dtype=torch.float64) + 0.5
        middles.append((edge[:-1, None] + width[:, None] * offsets).reshape(-1))
        widths.append(width.repeat_interleave(FINE))
    points = torch.stack(torch.meshgrid(*middles, indexing="ij"), -1)
    area = torch.ones((), dtype=torch.float64)
    for width in widths:
        area = area[..., None] * width
    values = density.log_prob(points).exp() * area
    shape = [size for _ in edges for size in (CELLS, FINE)]
    return values.reshape(shape).sum(tuple(range(1, 2 * len(edges), 2)))


def _chi_square(observed: Tensor, expected: Tensor) -> float:
    """Pearson's test, with bins of few expected samples pooled."""
    rare = expected < 10
    pooled = [torch.cat([part[~rare], part[rare].sum()[None]]) for part in (observed, expected)]
    if float(pooled[1][-1]) < 1:
        if float(pooled[0][-1]) > 20:
            return 0.0
        pooled = [part[:-1] for part in pooled]
    statistic = float(((pooled[0] - pooled[1]).square() / pooled[1].clamp(min=1e-300)).sum())
    return float(stats.chi2.sf(statistic, len(pooled[0]) - 1))


def _t_test(name: str, values: Tensor, claimed: Tensor) -> None:
    error = values.std(0) / math.sqrt(len(values))
    gap = (values.mean(0) - claimed).abs()
    squares = (values - values.mean(0)).square()
    wild = squares.amax(0) > LARGEST_SHARE * squares.sum(0)
    t = torch.where(wild | (gap <= 1e-9 * (1 + claimed.abs())), 0.0, gap / error.clamp(min=1e-300))
    p_value = min(1.0, len(t) * float(2 * stats.t.sf(float(t.max()), len(values) - 1)))
    if p_value < LEVEL:
        worst = int(t.argmax())
        raise CheckFailedError(
            f"{name}[{worst}]: samples have {float(values.mean(0)[worst]):.4g}, p = {p_value:.1g}",
            f"{float(claimed[worst]):.4g}, as {name} says",
            "derive it again, or return None where it is not known or infinite",
        )


CHECKS = (
    shapes_follow_the_batch,
    score_is_the_gradient,
    laplacian_is_the_trace,
    samples_are_placed,
    samples_follow_the_score,
    samples_follow_the_density,
    moments_fit_the_samples,
    modes_are_maxima,
    noised_is_the_convolution,
    same_density_everywhere,
    data_are_lazy,
)
