"""Densities on their way through time, exact and estimated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from estibench import RebuiltCell, save_png
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.labels import wrapped

LINES, GRID = 161, 41
GREY = "0.6"


def draw_evolution(cells: Sequence[RebuiltCell], path: Path, title: str) -> Path:
    """In one dimension a panel per estimator, p(x, t) over x for each time; in two a row of maps per estimator."""
    from matplotlib.figure import Figure

    problem = cells[0].made_problem
    rows = [("exact", problem), *((cell.estimator, cell) for cell in cells)]
    if problem.dim == 1:
        figure = Figure(figsize=(10.4, 0.7 + 2.2 * ((len(cells) + 3) // 4)), layout="constrained")
        _lines(figure, problem, cells)
    else:
        figure = Figure(figsize=(1.2 + 1.9 * len(problem.times), 0.6 + 1.9 * len(rows)), layout="constrained")
        _maps(figure, problem, rows)
    figure.suptitle("\n".join(wrapped(title, 12 * int(figure.get_figwidth()))), fontsize=10, ha="left", x=0.01)
    return save_png(figure, path)


def _lines(figure: Any, problem: EvolutionProblem, cells: Sequence[RebuiltCell]) -> None:
    """p against x, a colour for each time; grey lines beneath are exact."""
    import matplotlib as mpl

    low, high = problem.box
    places = torch.linspace(float(low), float(high), LINES, dtype=torch.float64)
    here, x = problem.at_places(places[:, None]), places.numpy()
    colours = mpl.colormaps["viridis"].resampled(len(problem.times) + 1)
    axes = figure.subplots((len(cells) + 3) // 4, 4, squeeze=False, sharex=True, sharey=True).flatten()
    for axis, cell in zip(axes, cells, strict=False):
        estimate = _estimate(cell, here)
        for i, t in enumerate(problem.times):
            axis.plot(x, here.truth[i].numpy(), color=GREY, lw=2.2)
            axis.plot(x, estimate[i].numpy(), color=colours(i), lw=0.9, label=f"t = {t:g}")
        axis.set_title("\n".join(wrapped(cell.estimator, 38)), fontsize=7.5, loc="left")
        axis.set_ylim(0, 1.15 * float(here.truth.max()))
        axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=7, frameon=False)
    for axis in axes[len(cells) :]:
        axis.set_visible(False)


def _maps(figure: Any, problem: EvolutionProblem, rows: Sequence[tuple[str, Any]]) -> None:
    """p as a colour over the plane, a column for each time and one scale for each column."""
    low, high = problem.box
    x, y = (torch.linspace(float(a), float(b), GRID, dtype=torch.float64) for a, b in zip(low, high, strict=True))
    here = problem.at_places(torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2))
    axes = figure.subplots(len(rows), len(problem.times), squeeze=False, sharex=True, sharey=True)
    for row, (label, cell) in zip(axes, rows, strict=True):
        values = here.truth if label == "exact" else _estimate(cell, here)
        for i, (axis, t) in enumerate(zip(row, problem.times, strict=True)):
            top = float(here.truth[i].max())
            axis.pcolormesh(x.numpy(), y.numpy(), values[i].reshape(GRID, GRID).numpy(), vmin=0, vmax=top, cmap="Blues")
            axis.tick_params(labelsize=6)
            if label == "exact":
                axis.set_title(f"t = {t:g}", fontsize=8)
        row[0].set_ylabel("\n".join(wrapped(label, 24)), fontsize=6.5)


def _estimate(cell: RebuiltCell, problem: EvolutionProblem) -> Tensor:
    """One estimate at the problem's points, (times, points), float64."""
    found = cell.made_estimator.estimate(problem, torch.Generator().manual_seed(cell.seed))
    return found.detach().double().reshape(problem.truth.shape)
