"""`bench status`: what of a run is done, what failed and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from estibench.cli.completion import runs
from estibench.cli.text import print_table
from estibench.plain import printable
from estibench.results.expected import as_expected

if TYPE_CHECKING:
    from estibench.keys.changes import Present
    from estibench.results.ingredients import Table
    from estibench.results.plan_file import PlannedCell
    from estibench.results.run_directory import Known

MOST_LINES = 20
SETTLED = ("done", "unsupported", "as expected")


@click.command("status", short_help="Show what of a run is done, failed and missing.")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=runs)
@click.option("--cells", is_flag=True, help="List every cell that is not done.")
def status_command(run: Path, cells: bool) -> None:
    """Show what of RUN, a run's directory or a suite's name, is done, failed, missing or out of date, and why.

    Out of date is what `bench run` would measure again: a source, a distribution, Python or the processor has changed
    since. Exit code 0 when everything is done, 1 otherwise.
    """
    from estibench.keys.changes import Present
    from estibench.results.ingredients import read_table
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
    table = read_table(directory)
    changes = _Changes(table, Present(table.places, table.measures_here))
    found = [(cell, *_state(cell, known, changes)) for cell in planned]
    states = Counter(state for _, state, _ in found)
    where = f" on {about['host']}, process {about['process']}" if is_locked(directory) else ""
    running = f"running now{where}" if where else "not running"
    click.echo(printable(f"{directory}: suite {about['suite']}, started {about['started']}, {running}"))
    click.echo(f"{len(planned)} cells: " + ", ".join(f"{number} {state}" for state, number in states.most_common()))
    if damaged:
        click.echo(f"{len(damaged)} damaged records, line {', '.join(map(str, damaged[:5]))}: they are measured again")
    open_cells = [(cell, state, reason) for cell, state, reason in found if state not in SETTLED]
    lines = list(_lines(open_cells))
    if lines:
        shown = lines if cells else lines[:MOST_LINES]
        print_table("", shown)
        if len(shown) < len(lines):
            click.echo(f"… and {len(lines) - len(shown)} more: bench status {run} --cells")
    raise SystemExit(int(bool(open_cells)))


def _state(cell: PlannedCell, known: Known, changes: _Changes) -> tuple[str, str]:
    """done, missing, out of date, not timed, or the status of a cell that is not ok; and the reason."""
    row, time = known.row(cell), known.time(cell)
    if row is None:
        return "missing", changes.since(cell)
    if not known.is_current(cell):
        return "missing", "measured under other settings"
    changed = changes.meanwhile(cell)
    if changed:
        return "out of date", changed
    if row["status"] == "ok":
        return ("not timed", "") if cell.timing and time is None else ("done", "")
    if as_expected({**cell.identity, **row}):
        return "as expected", str(row["reason"])
    return str(row["status"]).replace("_", " "), str(row["reason"])


class _Changes:
    """Why cells would be measured again. Cells that are made of the same are judged once."""

    def __init__(self, table: Table, present: Present) -> None:
        self._table = table
        self._present = present
        self._meanwhile: dict[tuple[str, ...], str] = {}

    def since(self, cell: PlannedCell) -> str:
        """What had changed when the run began; empty for a cell that had not been measured before."""
        from estibench.keys.changes import words_of

        if not cell.before:
            return ""
        return "measured before: " + words_of(self._table.of(cell.before), self._table.of(cell.made_of))

    def meanwhile(self, cell: PlannedCell) -> str:
        """What has changed since the run began."""
        from estibench.keys.changes import words_of

        if cell.made_of not in self._meanwhile:
            recorded = self._table.of(cell.made_of)
            self._meanwhile[cell.made_of] = words_of(recorded, self._present.of(recorded))
        return self._meanwhile[cell.made_of]


def _lines(cells: list[tuple[Any, str, str]]) -> Iterator[tuple[str, ...]]:
    for cell, state, reason in cells:
        names = cell.identity["problem"], cell.identity["estimator"]
        yield tuple(map(printable, (state, *names, reason)))
