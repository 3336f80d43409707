"""Runs exporters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from estibench.host import Host
    from estibench.host.entries import ExporterEntry
    from estibench.results.run_directory import Results

ON_DEMAND = ("tables", "plots")  # folders that only a full export makes


def of_every_run(host: Host, directory: Path) -> list[ExporterEntry]:
    """The exporters of a run that has just been measured.

    Drawing takes longer than most runs, and few figures are looked at: only what belongs to every run is written. A
    directory that has been exported once is kept whole: its figures are never of older numbers than its table.
    """
    whole = any((directory / folder).is_dir() for folder in ON_DEMAND)
    return [entry for entry in host.exporters if whole or entry.when == "run"]


def write(exporters: Iterable[ExporterEntry], results: Results) -> tuple[list[Path], list[str]]:
    """Write a run's files: the files, and what went wrong, one line for each exporter that failed."""
    files: list[Path] = []
    complaints: list[str] = []
    for entry in exporters:
        try:
            files += entry.load()(results)
        except Exception as error:  # an exporter may fail in any way; the rows are safe
            complaints.append(f"exporter {entry.name!r}: {type(error).__name__}: {error}")
    return files, complaints
