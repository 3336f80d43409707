"""The Fokker–Planck equation on a grid, in one or two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from estibench import Cost, Deterministic, Estimator, PositiveInt, Unsupported
from estibench_sampling.evolution import EvolutionProblem

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def bernoulli(w: Array) -> Array:
    """B(w) = w/(eʷ − 1)."""
    small = np.abs(w) < 1e-8
    return np.where(small, 1 - w / 2, np.where(small, 1.0, w) / np.expm1(np.where(small, 1.0, w.clip(-700, 700))))


def transition_rates(drift: Array, width: float, diffusivity: float) -> tuple[Array, Array]:
    """Rates at which mass crosses a face to the right and to the left, per unit of time.

    Scharfetter–Gummel: (D/Δ²) B(∓w) with w = fΔ/D, the exact flux of a constant drift between two cells. Positive, and
    without flux on p ∝ e^∫f/D. For D = 0 the upwind rates max(±f, 0)/Δ.
    """
    if diffusivity == 0:
        return drift.clip(min=0) / width, (-drift).clip(min=0) / width
    w = drift * width / diffusivity
    return diffusivity / width**2 * bernoulli(-w), diffusivity / width**2 * bernoulli(w)


@dataclass(frozen=True)
class FiniteVolume(Estimator):
    """dP_i/dt = Σ_faces (mass that comes in − mass that goes out) on equal cells of a box without outflow: mass is kept
    and stays positive. Fluxes by Scharfetter and Gummel, second-order accurate in the cell; in time Crank–Nicolson with
    one sparse factorisation per step size. Values at the points by cubic splines. Deterministic, and out of the
    question in three dimensions.

    Parameters:
        cells: along each axis of a box that holds the law at all times, see `EvolutionProblem.box`.
        steps: time steps up to the last time.

    Cost: an update per cell and step.
    """

    cells: PositiveInt = 200
    steps: PositiveInt = 100

    claims = (
        Deterministic(),
        Cost("update", lambda p, e: e.cells**p.dim * p.count_steps(e.steps), "cells^m · steps"),
    )
    citation = (
        "Scharfetter and Gummel 1969, Large-signal analysis of a silicon Read diode oscillator; "
        "Chang and Cooper 1970, A practical difference scheme for Fokker–Planck equations"
    )

    def estimate(self, problem: EvolutionProblem, generator: torch.Generator) -> Tensor:
        """(times, points)."""
        if problem.dim > 2:
            raise Unsupported(f"a grid in {problem.dim} dimensions is out of reach")
        if self.cells < 8:
            raise Unsupported(f"{self.cells} cells are too few for cubic splines, expected at least 8")
        from scipy import sparse
        from scipy.sparse.linalg import splu

        exact = problem.at("cpu", "float64")
        centres, L = generator_matrix(exact, self.cells)
        p = exact.log_density(_grid(centres), 0.0).exp().numpy().reshape(-1)
        identity, found = sparse.identity(len(p), format="csc"), []
        solvers: dict[float, Any] = {}
        for sizes in problem.step_sizes(self.steps):
            h = sizes[0]
            if h not in solvers:
                half = h / 2 * L
                solvers[h] = splu(identity - half), identity + half
            implicit, explicit = solvers[h]
            for _ in sizes:
                p = implicit.solve(explicit @ p)
            problem.spend(len(p) * len(sizes))
            found.append(interpolate(centres, p.reshape([self.cells] * problem.dim), problem.places))
        return problem.place(torch.stack(found))


def generator_matrix(problem: EvolutionProblem, cells: int) -> tuple[list[Tensor], Any]:
    """Centres of the cells along each axis, and the sparse matrix L of dP/dt = LP over all cells, rows by rows."""
    from scipy import sparse

    low, high = problem.box
    edges = [torch.linspace(float(a), float(b), cells + 1, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
    centres, parts = [(edge[1:] + edge[:-1]) / 2 for edge in edges], []
    number = np.arange(cells**problem.dim).reshape([cells] * problem.dim)
    for axis in range(problem.dim):
        faces = [edges[axis][1:-1] if i == axis else centre for i, centre in enumerate(centres)]
        drift = problem.field(_grid(faces))[..., axis].numpy()
        right, left = transition_rates(drift, float(edges[axis][1] - edges[axis][0]), problem.diffusion**2 / 2)
        here = number.take(range(cells - 1), axis).reshape(-1)
        there = number.take(range(1, cells), axis).reshape(-1)
        rows = np.concatenate([there, here, here, there])
        columns = np.concatenate([here, here, there, there])
        flat_right, flat_left = right.reshape(-1), left.reshape(-1)
        entries = np.concatenate([flat_right, -flat_right, flat_left, -flat_left])
        parts.append(sparse.csc_array((entries, (rows, columns)), shape=(number.size, number.size)))
    return centres, reduce(lambda a, b: a + b, parts)


def interpolate(centres: list[Tensor], p: Array, points: Tensor) -> Tensor:
    """Cubic splines through the cells' values: at (q, dim), (q,)."""
    from scipy.interpolate import CubicSpline, RectBivariateSpline

    x = points.numpy()
    if len(centres) == 1:
        return torch.from_numpy(CubicSpline(centres[0].numpy(), p)(x[:, 0]))
    return torch.from_numpy(RectBivariateSpline(centres[0].numpy(), centres[1].numpy(), p).ev(x[:, 0], x[:, 1]))


def _grid(axes: list[Tensor]) -> Tensor:
    """All points of a grid: (n_1, …, n_dim, dim)."""
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
