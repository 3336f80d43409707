"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

TASK = ("synthetic",)
HOME = "estibench_selftest"


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [TaskEntry("synthetic", f"{HOME}.constant:SYNTHETIC", "a vector that is known beforehand")]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [ProblemEntry("constant", f"{HOME}.constant:Constant", "a vector of chosen length", "synthetic")]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry("additive", f"{HOME}.additive:Additive", "truth + bias + noise with chosen tails", TASK),
        EstimatorEntry("dropout", f"{HOME}.others:Dropout", "truth times scaled coin flips: exact zeros", TASK),
        EstimatorEntry("rotation", f"{HOME}.others:Rotation", "truth turned by a random angle", TASK),
        EstimatorEntry("rare", f"{HOME}.rare:Rare", "truth + noise that comes from a rare event", TASK),
        EstimatorEntry("sometimes_nan", f"{HOME}.others:SometimesNan", "not a number now and then", TASK),
        EstimatorEntry("claims_unbiased", f"{HOME}.wrong:ClaimsUnbiased", "wrong: hides a bias of half its RMSE", TASK),
        EstimatorEntry("claims_variance", f"{HOME}.wrong:ClaimsVariance", "wrong: understates its variance", TASK),
        EstimatorEntry("divides_by_m", f"{HOME}.wrong:DividesByM", "wrong: divides by the dimension", TASK),
        EstimatorEntry("forgets_to_average", f"{HOME}.wrong:ForgetsToAverage", "wrong: sums its samples", TASK),
        EstimatorEntry("one_sided", f"{HOME}.wrong:OneSided", "wrong: noise of one sign", TASK),
        EstimatorEntry("biased_baseline", f"{HOME}.wrong:BiasedBaseline", "wrong: baseline with its own sample", TASK),
        EstimatorEntry("narrow_error_bar", f"{HOME}.wrong:NarrowErrorBar", "wrong: its error bar is too short", TASK),
        EstimatorEntry("stuck", f"{HOME}.wrong:Stuck", "wrong: one and the same wrong number", TASK),
        EstimatorEntry("miscounts", f"{HOME}.wrong:Miscounts", "wrong: spends more than it says", TASK),
    ]
