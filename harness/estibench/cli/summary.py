"""`bench summary`: what a run has found, with its evidence."""

from __future__ import annotations

from pathlib import Path

import click

from estibench.cli.completion import runs
from estibench.cli.screen import screen

PLAIN_WIDTH = 120  # columns where there is no terminal to ask


@click.command("summary", short_help="What a run has found, and the evidence.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=runs)
@click.option("--all", "everything", is_flag=True, help="Every table, every claim that was not supported.")
def summary_command(run: Path, everything: bool) -> None:
    """Say what RUN has found, then show what it rests on: who wins each problem, and what was refuted or failed.

    RUN is a directory, or the name of one in results/runs or results/published.
    """
    from estibench.exports.answer import answer_lines, print_answer
    from estibench.exports.summary import print_evidence
    from estibench.results import Results
    from estibench.results.find import find_run

    results, console = Results.read(find_run(run)), screen(PLAIN_WIDTH)
    print_answer(answer_lines(results), console)
    print_evidence(results, console, everything)
