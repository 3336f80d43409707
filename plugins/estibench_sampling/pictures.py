"""Pictures of a run: samples against the contours of a 2-D density, and densities on their way through time.

The table holds neither samples nor densities, so the samplers run once more, with the parameters and the seed of the
suite. What takes more than `SLOW` seconds is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from estibench import RebuiltCell, Results, rebuild

EVOLUTIONS = ("ornstein_uhlenbeck", "noising", "langevin_evolution")
SLOW = 5.0
PANELS = 12


def export_samples(results: Results) -> list[Path]:
    """`plots/samples_*.png`, one for each 2-D density of the task `sampling`: each sampler at its largest budget."""
    from estibench_sampling.sample_picture import draw_samples

    cells = [cell for cell in _quick(results, ("sampling",)) if cell.made_problem.dim == 2]
    return [
        draw_samples(best, _file(results, "samples", number, problem), problem)
        for number, (problem, best) in enumerate(_largest(cells, results.frame).items())
    ]


def export_evolutions(results: Results) -> list[Path]:
    """`plots/evolution_*.png`, one for each problem of the task `density_evolution` in one or two dimensions."""
    from estibench_sampling.evolution_picture import draw_evolution

    cells = [cell for cell in _quick(results, EVOLUTIONS) if cell.made_problem.dim <= 2]
    return [
        draw_evolution(best, _file(results, "evolution", number, problem), problem)
        for number, (problem, best) in enumerate(_largest(cells, results.frame).items())
    ]


def _quick(results: Results, names: tuple[str, ...]) -> list[RebuiltCell]:
    """The cells of these problems, none where the run has none: a run of other tasks is not planned again."""
    frame = results.frame
    mine = frame[frame["problem_name"].isin(names) & (frame["status"] == "ok")]
    if mine.empty:
        return []
    seconds = mine["time_first"].groupby([mine["problem"], mine["estimator"]]).min()
    return [cell for cell in rebuild(results, names) if seconds[cell.problem, cell.estimator] < SLOW]


def _largest(cells: Iterable[RebuiltCell], frame: pd.DataFrame) -> dict[str, list[RebuiltCell]]:
    """For each problem one cell of each family, that of most work; at most twelve."""
    work = frame.groupby(["problem", "estimator"])["work"].max()
    found: dict[str, dict[str, RebuiltCell]] = {}
    for cell in cells:
        best = found.setdefault(cell.problem, {}).setdefault(cell.family, cell)
        if work[cell.problem, cell.estimator] > work[cell.problem, best.estimator]:
            found[cell.problem][cell.family] = cell
    return {problem: list(families.values())[:PANELS] for problem, families in found.items()}


def _file(results: Results, kind: str, number: int, problem: str) -> Path:
    folder = results.directory / "plots"
    folder.mkdir(exist_ok=True)
    words = re.sub(r"[^A-Za-z0-9]+", "-", problem).strip("-")[:60]
    return folder / f"{kind}_{number + 1}_{words}.png"
