"""`bench status`: what of a run is done, what failed and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from estibench.cli.text import print_table
from estibench.plain import printable

if TYPE_CHECKING:
    from estibench.results.plan_file import PlannedCell
    from estibench.results.run_directory import Known

MOST_LINES = 20


@click.command("status", short_help="Show what of a run is done, failed and missing.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--cells", is_flag=True, help="List every cell that failed or is missing.")
def status_command(run: Path, cells: bool) -> None:
    """Show what of RUN, a run's directory or a suite's name, is done, failed or missing.

    Exit code 0 when everything is done, 1 when something failed or is missing.
    """
    from estibench.results.lock import is_locked
    from estibench.results.plan_file import read_plan
    from estibench.results.run_directory import Known, read_about
    from estibench.results.store import Store, latest

    folder = Path("results/runs") / run
    directory = folder if not run.exists() and folder.is_dir() else run
    about = read_about(directory)
    records, damaged = Store(directory).read()
    planned = read_plan(directory) or []
    known = Known(latest(records), planned)
    found = [(cell, *_state(cell, known)) for cell in planned]
    states = Counter(state for _, state, _ in found)
    where = f" on {about['host']}, process {about['process']}" if is_locked(directory) else ""
    running = f"running now{where}" if where else "not running"
    click.echo(printable(f"{directory}: suite {about['suite']}, started {about['started']}, {running}"))
    click.echo(f"{len(planned)} cells: " + ", ".join(f"{number} {state}" for state, number in states.most_common()))
    if damaged:
        click.echo(f"{len(damaged)} damaged records, line {', '.join(map(str, damaged[:5]))}: they are measured again")
    open_cells = [(cell, state, reason) for cell, state, reason in found if state not in ("done", "unsupported")]
    lines = list(_lines(open_cells))
    if lines:
        shown = lines if cells else lines[:MOST_LINES]
        print_table("", shown)
        if len(shown) < len(lines):
            click.echo(f"… and {len(lines) - len(shown)} more: bench status {run} --cells")
    raise SystemExit(int(bool(open_cells)))


def _state(cell: PlannedCell, known: Known) -> tuple[str, str]:
    """done, missing, not timed, or the status of a cell that is not ok; and the reason."""
    row, time = known.row(cell), known.time(cell)
    if row is None:
        return "missing", ""
    if not known.is_current(cell):
        return "missing", "measured under other settings"
    if row["status"] == "ok":
        return ("not timed", "") if cell.timing and time is None else ("done", "")
    return str(row["status"]).replace("_", " "), str(row["reason"])


def _lines(cells: list[tuple[Any, str, str]]) -> Iterator[tuple[str, ...]]:
    for cell, state, reason in cells:
        names = cell.identity["problem"], cell.identity["estimator"]
        yield tuple(map(printable, (state, *names, reason)))
