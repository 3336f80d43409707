"""What the host itself registers, through the same hooks as anyone: engines and exporters."""

from __future__ import annotations

from estibench.host.entries import EngineEntry, ExporterEntry
from estibench.host.hookspecs import hookimpl


@hookimpl
def bench_engines() -> list[EngineEntry]:
    return [
        EngineEntry("local", "estibench.engines.local:LocalEngine", "supervised worker processes on this machine"),
        EngineEntry("dask", "estibench.engines.dask:DaskEngine", "a dask.distributed cluster"),
        EngineEntry("serial", "estibench.engines.serial:SerialEngine", "in this process, for debuggers"),
    ]


@hookimpl
def bench_exporters() -> list[ExporterEntry]:
    return [
        ExporterEntry("frame", "estibench.exports.table_files:export", "table.parquet and table.csv: one row per cell"),
        ExporterEntry(
            "tables", "estibench.exports.tables:export", "tables/*.md and *.tex: the suite's comparisons", "export"
        ),
        ExporterEntry("plots", "estibench.exports.plots:export", "plots/*.svg: the suite's figures", "export"),
        ExporterEntry(
            "pytest_benchmark",
            "estibench.exports.pytest_benchmark:export",
            "pytest_benchmark.json: times for `pytest-benchmark compare`",
            "export",
        ),
        ExporterEntry("report", "estibench.exports.report:export", "report.html: one self-contained page"),
    ]
