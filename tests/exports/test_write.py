"""What a run writes by itself, and what is written once somebody asks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from estibench.exports.write import of_every_run, write
from estibench.host.entries import ExporterEntry
from estibench.results import Results


def make(called: list[str]) -> Any:
    """A host with an exporter for every run, one on demand and one that fails."""

    def exporter(name: str) -> Any:
        def export(results: Results) -> list[Path]:
            called.append(name)
            if name == "broken":
                raise ValueError("no")
            return [results.directory / name]

        return SimpleNamespace(name=name, when="export" if name == "plots" else "run", load=lambda: export)

    return SimpleNamespace(exporters=[exporter(name) for name in ("table", "plots", "broken")])


def test_a_run_writes_little_and_an_export_all(tmp_path: Path) -> None:
    called: list[str] = []
    results = Results(tmp_path, {}, [])
    host = make(called)
    files, complaints = write(of_every_run(host, tmp_path), results)
    assert (called, files) == (["table", "broken"], [tmp_path / "table"])
    assert complaints == ["exporter 'broken': ValueError: no"]
    called.clear()
    files, _ = write(host.exporters, results)
    assert files == [tmp_path / "table", tmp_path / "plots"]


def test_what_was_exported_once_is_kept_up_to_date(tmp_path: Path) -> None:
    called: list[str] = []
    (tmp_path / "plots").mkdir()
    write(of_every_run(make(called), tmp_path), Results(tmp_path, {}, []))
    assert "plots" in called


def test_exporters_of_others_run_with_every_run() -> None:
    assert ExporterEntry("mine", "mine:export", "mine").when == "run"
