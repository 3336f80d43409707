"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import ExporterEntry, hookimpl


@hookimpl
def bench_exporters() -> list[ExporterEntry]:
    return [
        ExporterEntry(
            "model_pictures",
            "estibench_zoo.pictures:export",
            "plots/model_*.png: samples of trained models beside real ones",
            "export",
        )
    ]
