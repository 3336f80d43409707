"""`bench table`: any quantity of a run over rows × columns."""

from __future__ import annotations

from pathlib import Path

import click

from estibench.cli.completion import runs
from estibench.cli.pairs import pairs

FORMATS = ("md", "tex", "html", "csv")


@click.command("table", short_help="A table of a run: Markdown, LaTeX, HTML or CSV.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=runs)
@click.option("--value", default="relative_rmse", show_default=True, help="The quantity: a column of the run's table.")
@click.option("--rows", default="problem", show_default=True, help="What stands along the rows.")
@click.option("--columns", default="estimator", show_default=True, help="What stands along the columns.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only cells with this value; may be repeated.")
@click.option("--title", default="", help="The table's title.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: md, or what OUTPUT ends with.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; default: print it.")
def table_command(
    run: Path,
    value: str,
    rows: str,
    columns: str,
    where: tuple[str, ...],
    title: str,
    form: str | None,
    output: Path | None,
) -> None:
    """Print one quantity of RUN over rows × columns, each entry with its confidence interval.

    RUN is a directory, or the name of one in results/runs or results/published.

    The best entry of a row is bold where its interval overlaps no other; those that are not told apart from the best
    are marked †. LaTeX needs only the package booktabs.

    \b
    Examples:
      bench table results/runs/trace --value rmse --where problem_dim=256
      bench table results/runs/trace --value time --rows estimator --columns problem_dim --format tex
    """
    from estibench.errors import UserError
    from estibench.exports.pivot import FORMATS as WRITERS
    from estibench.exports.pivot import pivot
    from estibench.results import Results
    from estibench.results.find import find_run

    form = form or (output.suffix.lstrip(".") if output else "md")
    if form not in WRITERS:
        raise UserError(f"{output}: cannot tell the format; give --format {'|'.join(WRITERS)}")
    results = Results.read(find_run(run))
    wanted = {name: str(text) for name, text in pairs("--where", where).items()}
    text = WRITERS[form](pivot(results, value, rows, columns, wanted, title), results.confidence)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output}: cannot write: {error.strerror}") from error
