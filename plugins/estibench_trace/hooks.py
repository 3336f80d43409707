"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

BOTH = ("trace", "divergence")


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry("trace", "estibench_trace.tasks:TRACE", "trace of a matrix known through its products"),
        TaskEntry("divergence", "estibench_trace.tasks:DIVERGENCE", "divergence of a vector field at points"),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry("matrix", "estibench_trace.matrix:Matrix", "symmetric matrix with a chosen spectrum", "trace"),
        ProblemEntry(
            "structured_matrix",
            "estibench_trace.structured_matrix:StructuredMatrix",
            "diagonal, dominant, skew, triangular or tridiagonal matrix",
            "trace",
        ),
        ProblemEntry(
            "field_jacobian",
            "estibench_trace.field_jacobian:FieldJacobian",
            "divergence of a vector field with a closed form",
            "divergence",
        ),
        ProblemEntry(
            "conv_jacobian",
            "estibench_trace.conv_jacobian:ConvJacobian",
            "divergence of a convolutional network with a closed form",
            "divergence",
        ),
        ProblemEntry(
            "hollow_jacobian",
            "estibench_trace.hollow_jacobian:HollowJacobian",
            "divergence of a field that splits, with a closed form",
            "divergence",
        ),
        ProblemEntry(
            "score_jacobian",
            "estibench_trace.score_jacobian:ScoreJacobian",
            "Laplacian of a density's logarithm: the divergence of its score",
            "divergence",
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry("exact", "estibench_trace.exact:Exact", "every diagonal entry, by products or autodiff", BOTH),
        EstimatorEntry("hutchinson", "estibench_trace.hutchinson:Hutchinson", "mean of vᵀAv over random v", BOTH),
        EstimatorEntry("hutchpp", "estibench_trace.hutchpp:HutchPP", "Hutch++: low-rank part exactly", BOTH),
        EstimatorEntry(
            "adaptive_hutchpp", "estibench_trace.adaptive_hutchpp:AdaptiveHutchPP", "Hutch++ to a tolerance", BOTH
        ),
        EstimatorEntry("na_hutchpp", "estibench_trace.na_hutchpp:NAHutchPP", "Hutch++ in one pass", BOTH),
        EstimatorEntry("xtrace", "estibench_trace.xtrace:XTrace", "exchangeable Hutch++", BOTH),
        EstimatorEntry("xnystrace", "estibench_trace.xnystrace:XNysTrace", "exchangeable Nyström, for psd", BOTH),
        EstimatorEntry("hollow", "estibench_trace.hollow:Hollow", "one VJP: exact if a field splits", ("divergence",)),
        EstimatorEntry("probing", "estibench_trace.probing:Probing", "one product a colour: exact if local", BOTH),
        EstimatorEntry(
            "diagonal_control",
            "estibench_trace.diagonal_control:DiagonalControl",
            "Hutchinson of what an estimated diagonal leaves",
            BOTH,
        ),
    ]
