"""`bench plot`: any figure from a stored run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from estibench.axes import DEFAULTS
from estibench.cli.completion import runs
from estibench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from estibench.results import Results

FORMATS = ("svg", "pdf", "png")


@click.command("plot", short_help="Draw any figure from a stored run, as SVG, PDF or PNG.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=runs)
@click.option("--kind", type=click.Choice([*DEFAULTS]), default="error_cost", show_default=True)
@click.option("--x", metavar="COLUMN", help="What to draw it against; each kind has its own default.")
@click.option("--y", metavar="COLUMN", help="What to draw; each kind has its own default.")
@click.option("--problem", multiple=True, metavar="NAME", help="Only these problems, by name or label.")
@click.option("--title", default="", help="Default: the kind.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: what FILE ends with, or svg.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Default: KIND.")
def plot_command(
    run: Path,
    kind: str,
    x: str | None,
    y: str | None,
    problem: tuple[str, ...],
    title: str,
    form: str | None,
    output: Path | None,
) -> None:
    """Draw a figure of RUN, a run's directory or the name of one in results/runs or results/published.

    Where a figure is drawn for each device, dtype or task, and there are several, each gets a file of its own:
    FILE-cpu-float32.svg. How to read it is printed.
    """
    from estibench.results import Results
    from estibench.results.find import find_run

    plot = {"kind": kind, "x": x, "y": y, "problems": list(problem) or None, "title": title}
    results = Results.read(find_run(run))
    _check(results, plot)
    form = form or (output.suffix.removeprefix(".") if output else "") or FORMATS[0]
    if form not in FORMATS:
        raise UserError(f"{output}: expected a name that ends with .{', .'.join(FORMATS)}")
    stem = output or Path(kind)
    written = _draw(results, plot | {"name": stem.stem}, stem.parent, form)
    if not written:
        raise UserError(
            f"{results.directory}: nothing to draw: no cell has what a plot of {kind.replace('_', ' ')} needs"
        )
    for path, caption in written:
        click.echo(f"{path}: {caption}")


def _check(results: Results, plot: dict[str, Any]) -> None:
    """Raises `UserError` for axes and problems that the run does not have."""
    from estibench.axes import CHOICES, why_no_axis
    from estibench.columns import NESTED

    frame = results.frame
    known = set(map(str, frame.columns)) - NESTED
    for axis in "xy":
        column = plot[axis]
        if column is None:
            continue
        message = why_no_axis(plot["kind"], axis, column, known)
        if message is None and (plot["kind"], axis) not in CHOICES and column not in known:
            message = f"the run has no column {column!r}{did_you_mean(column, known)}"
        if message:
            raise UserError(f"--{axis}: {message}")
    problems = {*map(str, frame["problem"]), *map(str, frame["problem_name"])}
    for name in plot["problems"] or ():
        if name not in problems:
            raise UserError(f"--problem: the run has no problem {name!r}{did_you_mean(name, problems)}")


def _draw(results: Results, plot: dict[str, Any], folder: Path, form: str) -> list[tuple[Path, str]]:
    """The files that were written, each with how to read it."""
    from estibench.exports.plots import pictures, save

    written = []
    for picture in pictures(replace(results, about={**results.about, "plots": [plot]})):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{picture.name}.{form}"
        save(picture, path)
        written.append((path, picture.caption))
    return written
