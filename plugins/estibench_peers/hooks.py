"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, hookimpl

TRACE = ("trace",)


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [*trace()]


def trace() -> list[EstimatorEntry]:
    here = "estibench_peers.curvlinops"
    return [
        EstimatorEntry("curvlinops_hutchinson", f"{here}:CurvlinopsHutchinson", "curvlinops.hutchinson_trace", TRACE),
        EstimatorEntry("curvlinops_hutchpp", f"{here}:CurvlinopsHutchpp", "curvlinops.hutchpp_trace", TRACE),
        EstimatorEntry("curvlinops_xtrace", f"{here}:CurvlinopsXTrace", "curvlinops.xtrace", TRACE),
    ]
