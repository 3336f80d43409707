"""`bench publish`: a static site of runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("publish", short_help="Add runs to a static site: pages by task, problem and estimator.")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    *("-o", "--output"),
    default="results/published",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The site's folder; what it holds of other runs stays.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print errors and nothing else.")
def publish_command(runs: tuple[Path, ...], output: Path, quiet: bool) -> None:
    """Add RUNS, directories of runs, to a static site, and write its pages.

    The site needs no server and no network, and all its links are relative. A run replaces an earlier one of the same
    suite on the same kind of machine; runs of other machines and people stand beside it. Without RUNS, the pages are
    written anew from what the site holds.

    \b
    Examples:
      bench publish results/runs/trace results/runs/divergence
      bench publish ../hers/results/runs/trace -o site
    """
    from estibench.site import publish

    pages = publish(runs, output, (lambda line: None) if quiet else (lambda line: click.echo(line, err=True)))
    if not quiet:
        click.echo(f"{len(pages)} pages; begin with {output / 'index.html'}")
