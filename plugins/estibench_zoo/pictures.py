"""Samples of trained models, estimator by estimator, beside real ones.

The table holds no models, so one run of each is made once more, with the parameters and the seed of the suite. What
takes more than `SLOW` seconds is left out.
"""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from estibench import FitProblem, RebuiltCell, Results, rebuild, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SLOW = 20.0
PANELS = 11  # and the real samples
ACROSS, SHOWN = 4, 512
IMAGES, SIDE = (5, 8), 8  # rows and columns of pictures; pixels
BLUE, ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito


def export(results: Results) -> list[Path]:
    """`plots/model_*.png`, one for each problem whose models can be sampled, in two dimensions or images of 8 × 8."""
    frame = results.frame
    if "curve" not in frame or frame["curve"].isna().all():
        return []
    fits = frame[frame["curve"].notna() & (frame["status"] == "ok")]
    seconds = fits.groupby(["problem", "estimator"])["time_first"].min()
    shown: dict[str, list[RebuiltCell]] = {}
    for cell in rebuild(results, tuple(fits["problem_name"].unique())):
        problem = cell.made_problem
        sampled = isinstance(problem, FitProblem) and type(problem).real is not FitProblem.real
        if sampled and seconds[cell.problem, cell.estimator] < SLOW:
            shown.setdefault(cell.problem, []).append(cell)
    folder = results.directory / "plots"
    folder.mkdir(exist_ok=True)
    found = []
    for number, (problem, cells) in enumerate(shown.items(), 1):
        words = re.sub(r"[^A-Za-z0-9]+", "-", problem).strip("-")[:60]
        found += draw_models(cells[:PANELS], folder / f"model_{number}_{words}.png", problem)
    return found


def draw_models(cells: list[RebuiltCell], path: Path, title: str) -> list[Path]:
    """A panel of real samples, and one for each estimator; nothing where samples are neither points nor images."""
    from matplotlib.figure import Figure

    problem: FitProblem = cells[0].made_problem
    problem.prepare()
    real = problem.real(SHOWN, torch.Generator().manual_seed(problem.seed))
    if real is None or real.shape[1] not in (2, SIDE**2):
        return []
    panels = [("real", real)]
    for cell in cells:
        fit = cell.made_estimator.estimate(problem, torch.Generator().manual_seed(cell.seed))
        with torch.no_grad():
            x = problem.samples(fit, cell.made_estimator, SHOWN, torch.Generator().manual_seed(cell.seed))
        panels.append((cell.estimator, x.detach().double()))
    rows = math.ceil(len(panels) / ACROSS)
    height = 2.9 if real.shape[1] == 2 else 2.0  # inches: squares of points, sheets of five images by eight
    figure = Figure(figsize=(2.6 * ACROSS, 0.7 + height * rows), layout="constrained")
    axes = figure.subplots(rows, ACROSS, squeeze=False).flatten()
    for axis, (label, x) in zip(axes, panels, strict=False):
        (_points if real.shape[1] == 2 else _images)(axis, x, real)
        axis.set_title("\n".join(textwrap.wrap(label, 34)), fontsize=7.5, loc="left")
        axis.tick_params(labelsize=7)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle("\n".join(textwrap.wrap(title, 110)), fontsize=10, ha="left", x=0.01)
    return [save_png(figure, path)]


def _points(axis: Axes, x: Tensor, real: Tensor) -> None:
    """Points of a model upon real ones, in the square that holds the middle 98 % of these with a margin."""
    low, high = (torch.quantile(real, share, dim=0) for share in (0.01, 0.99))
    centre, half = (low + high) / 2, 0.75 * float((high - low).max())
    alone = x is real
    axis.plot(*real.T.numpy(), ls="", marker=".", ms=3 if alone else 2, mew=0, color=BLUE, alpha=0.8 if alone else 0.4)
    if not alone:
        axis.plot(*x.T.numpy(), ls="", marker=".", ms=3, mew=0, color=ORANGE, alpha=0.7)
    bounds = [(float(c) - half, float(c) + half) for c in centre]
    axis.set(xlim=bounds[0], ylim=bounds[1], aspect="equal")


def _images(axis: Axes, x: Tensor, real: Tensor) -> None:
    """The first forty samples as grey images, on the scale of real ones."""
    rows, columns = IMAGES
    few = x[: rows * columns].reshape(-1, SIDE, SIDE)
    sheet = torch.full((rows * (SIDE + 1), columns * (SIDE + 1)), float("nan"))
    for at, image in enumerate(few):
        top, left = (SIDE + 1) * (at // columns), (SIDE + 1) * (at % columns)
        sheet[top : top + SIDE, left : left + SIDE] = image
    low, high = (float(torch.quantile(real, share)) for share in (0.01, 0.99))
    axis.imshow(sheet.numpy(), cmap="gray_r", vmin=low, vmax=high, interpolation="nearest")
    axis.set_axis_off()
