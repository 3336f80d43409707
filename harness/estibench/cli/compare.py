"""`bench compare`: what got better or worse from one run to another."""

from __future__ import annotations

from pathlib import Path

import click

from estibench.cli.screen import screen

PLAIN_WIDTH = 160  # columns where there is no terminal to ask


@click.command("compare", short_help="What got better or worse from one run to another.")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "md", "json"]), default="text", show_default=True)
@click.option("--all", "everything", is_flag=True, help="List what has not changed, too.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="%",
    help="A change of a time that counts as none.",
)
@click.option(
    "--error-tolerance",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="%",
    help="A change of an MSE, or another error, that counts as none.",
)
@click.option("--any-machine", is_flag=True, help="Compare times of different machines, relative to the baselines.")
@click.option(
    "--fail-on",
    type=click.Choice(["regression", "change", "never"]),
    default="never",
    show_default=True,
    help="When to end with exit code 1: a cell that is worse or fails now, or any change.",
)
def compare_command(
    before: Path,
    after: Path,
    form: str,
    everything: bool,
    tolerance: float,
    error_tolerance: float,
    any_machine: bool,
    fail_on: str,
) -> None:
    """Compare the runs BEFORE and AFTER, cell by cell: errors, biases, times, counted costs, failures.

    A run is a directory, or the name of one in results/runs or results/published. Errors and times are compared with
    confidence intervals, corrected for the number of tests; times only where both runs are of one machine.
    """
    from estibench.exports.change_text import print_comparison, to_json, to_markdown
    from estibench.exports.run_changes import compare_runs
    from estibench.results import Results
    from estibench.results.find import find_run

    runs = [Results.read(find_run(run)) for run in (before, after)]
    found = compare_runs(runs[0], runs[1], tolerance / 100, error_tolerance / 100, any_machine)
    if form == "json":
        click.echo(to_json(found))
    elif form == "md":
        click.echo(to_markdown(found, everything), nl=False)
    else:
        print_comparison(found, everything, screen(PLAIN_WIDTH))
    raise SystemExit(int(found.has(fail_on)))
