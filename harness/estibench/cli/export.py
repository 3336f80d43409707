"""`bench export`: every file of a run."""

from __future__ import annotations

from pathlib import Path

import click

from estibench.cli.completion import runs


@click.command("export", short_help="Write all plots, tables and the whole report of a run.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=runs)
@click.option("--only", multiple=True, metavar="EXPORTER", help="This exporter alone; may be repeated.")
def export_command(run: Path, only: tuple[str, ...]) -> None:
    """Write everything about RUN: plots/, tables/, and report.html with all its figures.

    RUN is a directory, or the name of one in results/runs or results/published. What is there is overwritten, and later
    runs in this directory keep it up to date. One figure or table alone: `bench plot`, `bench table`. Exporters are
    listed by `bench list exporters`.
    """
    from estibench import host as plugin_host
    from estibench.errors import UserError
    from estibench.exports.write import write
    from estibench.results import Results
    from estibench.results.find import find_run

    host, results = plugin_host.current(), Results.read(find_run(run))
    wanted = [host.exporters.get(name) for name in only] or list(host.exporters)
    try:
        files, complaints = write(wanted, results)
    except OSError as error:
        raise UserError(f"{results.directory}: cannot write: {error.strerror}") from error
    for line in complaints:
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{len(files)} file{'s' * (len(files) != 1)} in {results.directory}")
    raise SystemExit(int(bool(complaints)))
