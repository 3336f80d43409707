"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

LOG_NORMALIZER = ("log_normalizer",)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry(
            "log_normalizer",
            "estibench_evidence.tasks:LOG_NORMALIZER",
            "log of the integral of an unnormalised density",
        ),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry(
            "density_normalizer",
            "estibench_evidence.density_normalizer:DensityNormalizer",
            "a density that knows its log Z, and a normal proposal",
            "log_normalizer",
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(
            "importance_sampling",
            "estibench_evidence.importance_sampling:ImportanceSampling",
            "mean of the weights γ/q",
            LOG_NORMALIZER,
        ),
        EstimatorEntry("ais", "estibench_evidence.ais:AIS", "annealed importance sampling", LOG_NORMALIZER),
        EstimatorEntry("smc", "estibench_evidence.smc:SMC", "annealed particles that are resampled", LOG_NORMALIZER),
        EstimatorEntry(
            "thermodynamic_integration",
            "estibench_evidence.thermodynamic_integration:ThermodynamicIntegration",
            "integral of a mean along the path",
            LOG_NORMALIZER,
        ),
    ]
