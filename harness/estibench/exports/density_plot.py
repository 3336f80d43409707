"""A picture of a 2-D density: contours of its mass, its score, some samples and its modes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from estibench.contracts.density import Density
from estibench.exports.canvas import COLOURS, heading, style

SAMPLES = 4000
SHOWN = 300
MASSES = (0.99, 0.95, 0.8, 0.5, 0.2, 0.05)
"""Shares of the samples inside each contour, from the outermost inwards."""


@dataclass(frozen=True)
class View:
    """What is drawn.

    Attributes:
        x, y: grid lines, (n,) each.
        log_prob: on the grid, (n, n), rows along y.
        levels: of log_prob, rising; inside the i-th lies the share MASSES[i] of the samples.
        samples: (SAMPLES, 2).
    """

    x: Tensor
    y: Tensor
    log_prob: Tensor
    levels: Tensor
    samples: Tensor


def view_of(density: Density, lines: int = 160) -> View:
    """The square around the middle 99 % of 4 000 samples in each coordinate, with a margin.

    Raises:
        ValueError: for a density that is not two-dimensional.
    """
    if density.dim != 2:
        raise ValueError(f"only densities in two dimensions are drawn; this one has dim {density.dim}")
    density = density.at("cpu", "float64")
    samples = density.sample(SAMPLES, torch.Generator().manual_seed(0))
    low, high = (torch.quantile(samples, share, dim=0) for share in (0.005, 0.995))
    centre, half = (low + high) / 2, 0.6 * (high - low).max()
    x, y = (torch.linspace(float(middle - half), float(middle + half), lines, dtype=torch.float64) for middle in centre)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    levels = torch.quantile(density.log_prob(samples), torch.tensor([1 - m for m in MASSES], dtype=torch.float64))
    return View(x, y, density.log_prob(points), levels, samples)


def draw_density(density: Density, path: Path, title: str = "") -> Path:
    """Write the picture to `path`, in the format of its suffix (svg, png, pdf), and return the path.

    Contours enclose 5, 20, 50, 80, 95 and 99 % of the mass; arrows are the score, shorter where it is longer than most.

    Raises:
        ValueError: for a density that is not two-dimensional.
    """
    from matplotlib.figure import Figure

    view = view_of(density)
    with style():
        figure = Figure(figsize=(4.6, 4.8))
        axis = figure.add_axes((0.12, 0.1, 0.84, 0.8))
        levels = np.unique(view.levels.numpy())  # a flat density has fewer
        outside = np.nan_to_num(view.log_prob.numpy(), neginf=float(levels[0]) - 1e3)
        if len(levels) > 1:
            axis.contourf(view.x, view.y, outside, [*levels, float(outside.max()) + 1], cmap="Blues")
        shown = view.samples[:SHOWN]
        axis.plot(shown[:, 0], shown[:, 1], ls="", marker=".", ms=2.5, mew=0, color="0.25", label="samples")
        _arrows(axis, density, view)
        if density.modes is not None:
            modes = density.modes
            axis.plot(modes[:, 0], modes[:, 1], ls="", marker="+", ms=7, color=COLOURS[1], label="modes")
        axis.set_xlim(float(view.x[0]), float(view.x[-1]))
        axis.set_ylim(float(view.y[0]), float(view.y[-1]))
        axis.set_aspect("equal")
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=7, loc="upper right", frameon=True)
        heading(figure, title or type(density).__name__)
        figure.savefig(path, dpi=150)
    return path


def _arrows(axis: object, density: Density, view: View) -> None:
    """The score on a coarse grid, only where there is mass to speak of."""
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    step = len(view.x) // 18
    x, y = view.x[step // 2 :: step], view.y[step // 2 :: step]
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)
    exact = density.at("cpu", "float64")
    score = exact.score(points)
    kept = exact.log_prob(points) >= view.levels[0]
    length = torch.linalg.vector_norm(score, dim=-1, keepdim=True)
    usual = length[kept].median() if bool(kept.any()) else torch.ones(())
    arrows = score / (length + usual).clamp(min=1e-30)  # saturates at one grid step
    size = float(x[1] - x[0])
    axis.quiver(
        *points[kept].T.numpy(),
        *(size * arrows[kept]).T.numpy(),
        angles="xy",
        scale_units="xy",
        scale=1.0,
        width=0.003,
        color=COLOURS[2],
    )
