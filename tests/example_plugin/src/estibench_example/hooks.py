"""What the plugin registers. It runs for every command, `bench --help` included: import nothing heavy here."""

from __future__ import annotations

from estibench import EstimatorEntry, hookimpl


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(
            name="unit_vector",
            target="estibench_example.unit_vector:UnitVector",
            summary="m times the mean of random diagonal entries",
            tasks=("trace", "divergence"),
        )
    ]
