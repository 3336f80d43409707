"""Runs the exporters: those of every run, or all of them once somebody asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from estibench.host import Host
    from estibench.results.run_directory import Results

ON_DEMAND = ("tables", "plots")  # folders that only a full export makes


def write(host: Host, results: Results, everything: bool = False) -> tuple[list[Path], list[str]]:
    """Write a run's files: the files, and what went wrong, one line for each exporter that failed.

    Drawing takes longer than most runs, and few figures are looked at: unless `everything` is wanted, only what belongs
    to every run is written. A directory that has been exported once is kept whole: its figures are never of older
    numbers than its table.
    """
    everything = everything or any((results.directory / folder).is_dir() for folder in ON_DEMAND)
    files: list[Path] = []
    complaints: list[str] = []
    for entry in host.exporters:
        if entry.when == "export" and not everything:
            continue
        try:
            files += entry.load()(results)
        except Exception as error:  # an exporter may fail in any way; the rows are safe
            complaints.append(f"exporter {entry.name!r}: {type(error).__name__}: {error}")
    return files, complaints
