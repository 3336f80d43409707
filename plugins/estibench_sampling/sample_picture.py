"""Samples of every sampler against the contours of a density in two dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from estibench import Density, RebuiltCell, save_png
from estibench_sampling.labels import wrapped

MASSES = (0.99, 0.9, 0.6, 0.3)
ACROSS, LINES, SHOWN = 4, 150, 512
BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito


def draw_samples(cells: Sequence[RebuiltCell], path: Path, title: str) -> Path:
    """One panel per sampler: its points after one run, and contours of the density; those outside are counted."""
    from matplotlib.figure import Figure

    density = cells[0].made_problem.density.at("cpu", "float64")
    x, y, log_prob, levels = contours(density, cells[0].made_problem.data_generator())
    rows = math.ceil(len(cells) / ACROSS)
    figure = Figure(figsize=(2.6 * ACROSS, 0.7 + 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, ACROSS, squeeze=False, sharex=True, sharey=True).flatten()
    for axis, cell in zip(axes, cells, strict=False):
        samples = cell.made_estimator.estimate(cell.made_problem, torch.Generator().manual_seed(cell.seed))
        points = samples.points.detach().flatten(0, 1)[:SHOWN].double()
        inside = (points[:, 0] > x[0]) & (points[:, 0] < x[-1]) & (points[:, 1] > y[0]) & (points[:, 1] < y[-1])
        if len(levels) > 1:
            axis.contour(
                x.numpy(), y.numpy(), log_prob.numpy(), levels=levels, colors=BLUE, linewidths=0.5, linestyles="solid"
            )
        axis.plot(*points.T.numpy(), ls="", marker=".", ms=4, mew=0, color=ORANGE, alpha=0.7)
        lines = wrapped(cell.estimator, 36)
        outside = len(points) - int(inside.sum())
        axis.set_title("\n".join([*lines, f"{outside} outside"] if outside else lines), fontsize=7.5, loc="left")
        axis.set(xlim=(float(x[0]), float(x[-1])), ylim=(float(y[0]), float(y[-1])), aspect="equal")
        axis.tick_params(labelsize=7)
    for axis in axes[len(cells) :]:
        axis.set_visible(False)
    figure.suptitle("\n".join(wrapped(title, 110)), fontsize=10, ha="left", x=0.01)
    return save_png(figure, path)


def contours(density: Density, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, list[float]]:
    """Grid lines (n,) twice, log p on the grid (n, n), rows along y, and the rising levels that hold 99 to 30 % of the
    mass: quantiles of log p over 4 000 samples. The square holds the middle 99 % of them with a margin.
    """
    samples = density.sample(4000, generator)
    low, high = (torch.quantile(samples, share, dim=0) for share in (0.005, 0.995))
    centre, half = (low + high) / 2, 0.65 * float((high - low).max())
    x, y = (torch.linspace(float(c) - half, float(c) + half, LINES, dtype=torch.float64) for c in centre)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    shares = torch.tensor([1 - mass for mass in MASSES], dtype=torch.float64)
    levels = np.unique(torch.quantile(density.log_prob(samples), shares).numpy())
    return x, y, density.log_prob(points).nan_to_num(neginf=-1e30), [float(level) for level in levels]
