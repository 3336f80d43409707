"""The whole plugin surface. A plugin is a module whose functions, marked `@hookimpl`, bear these names.

Registration hooks run once, when the host starts, for every command, `bench --help` included. They return
*entries*: names and import strings. Import nothing heavy in the module that holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

from estibench.host.entries import (
    DensityEntry,
    EngineEntry,
    EstimatorEntry,
    ExporterEntry,
    ProblemEntry,
    TaskEntry,
)

if TYPE_CHECKING:
    import click

    from estibench.results import Results

hookspec = HookspecMarker("estibench")
hookimpl = HookimplMarker("estibench")


# Registration: what there is.


@hookspec
def bench_tasks() -> Sequence[TaskEntry]:  # type: ignore[empty-body]
    """Kinds of estimand: their contract, metrics and default baseline."""


@hookspec
def bench_densities() -> Sequence[DensityEntry]:  # type: ignore[empty-body]
    """Distributions with known log-density, score and Laplacian, on which problems are built."""


@hookspec
def bench_problems() -> Sequence[ProblemEntry]:  # type: ignore[empty-body]
    """Instances of tasks, each with its exact truth."""


@hookspec
def bench_estimators() -> Sequence[EstimatorEntry]:  # type: ignore[empty-body]
    """Methods to be measured."""


@hookspec
def bench_engines() -> Sequence[EngineEntry]:  # type: ignore[empty-body]
    """Ways to execute the blocks of a plan: in this process, on a cluster, …"""


@hookspec
def bench_exporters() -> Sequence[ExporterEntry]:  # type: ignore[empty-body]
    """Formats in which a finished run is written: tables, plots, pages."""


# Life-cycle: what happens. A hook that raises is reported and costs nothing else of the run.


@hookspec
def bench_run_started(suite: str, directory: Path, cells: int) -> None:
    """After planning, before the first block: the suite's name, the run's directory and its number of cells."""


@hookspec
def bench_cell_measured(row: Mapping[str, Any]) -> None:
    """After a cell's row is safe in the store. `row` maps column names to values; do not keep it waiting."""


@hookspec
def bench_run_finished(results: Results) -> None:
    """After the last block and the exporters."""


@hookspec
def bench_report_sections(results: Results) -> Sequence[tuple[str, str]]:  # type: ignore[empty-body]
    """While the report is written: extra sections as (title, plain text). The text is escaped."""


# The command line.


@hookspec
def bench_add_commands(group: click.Group) -> None:
    """When `bench` starts: add commands with `group.add_command`. Import inside the command, not here."""
