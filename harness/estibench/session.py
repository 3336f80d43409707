"""Runs a suite: plan, engine, store, exporters. What `bench run` and `estibench.run` share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from estibench import host as plugin_host
from estibench.errors import UserError
from estibench.host import Host
from estibench.provenance import describe_run
from estibench.results.frame import identity
from estibench.results.run_directory import RUN_FILE, Results
from estibench.results.store import FILE as STORE_FILE
from estibench.results.store import Store
from estibench.suite import Measurement, Plan, read_suite
from estibench.suite.lookup import find_suite

RUNS = Path("results/runs")


def run(
    suite: str | Path, *, device: str | None = None, directory: str | Path | None = None, engine: str = "serial"
) -> Results:
    """Run a suite and return its results.

    Args:
        suite: a suite file, or the name of a known suite: `"trace"`.
        device: overrides the suite's devices: `"auto"`, `"cpu"`, `"cuda"`.
        directory: where the run is kept; default a new folder in `results/runs`.
        engine: registered name of the engine.

    Raises:
        UserError: the suite cannot be read or is not valid.

    Example:
        >>> import estibench
        >>> results = estibench.run("trace")  # doctest: +SKIP
        >>> results.frame.pivot(index="problem", columns="estimator", values="relative_rmse")  # doctest: +SKIP
    """
    host = plugin_host.current()
    plan = read_suite(find_suite(str(suite)), host, device)
    place = claim_directory(new_directory(plan.name) if directory is None else Path(directory))
    for _ in execute(host, plan, place, engine):
        pass
    return finish(host, place)[0]


def new_directory(suite: str) -> Path:
    """A folder for a new run, named by suite and time (UTC)."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = RUNS / f"{suite}-{stamp}"
    for number in range(2, 1000):
        if not path.exists():
            break
        path = RUNS / f"{suite}-{stamp}-{number}"
    return path


def claim_directory(path: Path) -> Path:
    """Make a run directory. Raises `UserError` for one that already holds a run, or cannot be made or written to."""
    try:
        if (path / RUN_FILE).exists() or (path / STORE_FILE).exists():
            raise UserError(f"{path}: already holds a run; choose another directory")
        path.mkdir(parents=True, exist_ok=True)
        (path / RUN_FILE).touch()
    except OSError as error:
        raise UserError(f"{str(path)[:200]}: cannot make the run's directory: {error.strerror}") from error
    return path


def execute(
    host: Host, plan: Plan, directory: Path, engine: str, warn: Callable[[str], None] = lambda line: None
) -> Iterator[Measurement]:
    """Measure every cell of a plan. Each row is in the store before it is yielded."""
    (directory / RUN_FILE).write_text(json.dumps(describe_run(plan, host), indent=2) + "\n", encoding="utf-8")
    store = Store(directory)
    for line in host.run_started(plan.name, directory, plan.cells):
        warn(line)
    for measured in host.engines.get(engine).load()().run(plan.blocks, plan.settings):
        row = full_row(host, plan.name, measured)
        store.append(measured.cell.key, row)
        if measured.final:
            for line in host.cell_measured(row):
                warn(line)
        yield replace(measured, row=row)


def full_row(host: Host, suite: str, measured: Measurement) -> dict[str, Any]:
    """What was measured of a cell, with the columns that say which cell it is and how much work it takes."""
    cell = measured.cell
    task = host.problems.get(cell.problem.name).task
    work = measured.row.get(f"cost_{host.tasks.get(task).load().work}")
    return identity(cell, suite) | {"task": task} | measured.row | {"work": work}


def finish(host: Host, directory: Path) -> tuple[Results, list[Path], list[str]]:
    """Run the exporters over what the store holds: the results, the files written and what went wrong."""
    results = Results.read(directory)
    files: list[Path] = []
    complaints: list[str] = []
    for entry in host.exporters:
        try:
            files += entry.load()(results)
        except Exception as error:  # an exporter may fail in any way; the rows are safe
            complaints.append(f"exporter {entry.name!r}: {type(error).__name__}: {error}")
    complaints += host.run_finished(results)
    return results, files, complaints
