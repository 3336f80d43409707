"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

SAMPLING = ("sampling",)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry("sampling", "estibench_sampling.tasks:SAMPLING", "samples of a density from its score"),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry(
            "sampling", "estibench_sampling.problem:Sampling", "a density, sampled by many chains at once", "sampling"
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry("exact_sampler", "estibench_sampling.exact:ExactSampler", "the density's own sampler", SAMPLING),
        EstimatorEntry("ula", "estibench_sampling.ula:ULA", "unadjusted Langevin", SAMPLING),
        EstimatorEntry("mala", "estibench_sampling.mala:MALA", "Metropolis-adjusted Langevin", SAMPLING),
        EstimatorEntry("hmc", "estibench_sampling.hmc:HMC", "Hamiltonian Monte Carlo", SAMPLING),
        EstimatorEntry(
            "leimkuhler_matthews",
            "estibench_sampling.leimkuhler_matthews:LeimkuhlerMatthews",
            "ULA with every noise used twice",
            SAMPLING,
        ),
        EstimatorEntry(
            "underdamped", "estibench_sampling.underdamped:Underdamped", "kinetic Langevin by BAOAB", SAMPLING
        ),
        EstimatorEntry("sgld", "estibench_sampling.sgld:SGLD", "ULA with minibatches of a posterior's data", SAMPLING),
        EstimatorEntry(
            "annealed_langevin",
            "estibench_sampling.annealed_langevin:AnnealedLangevin",
            "Langevin down a ladder of noise levels",
            SAMPLING,
        ),
        EstimatorEntry(
            "reverse_sde", "estibench_sampling.reverse_sde:ReverseSDE", "a diffusion run backwards: VE or VP", SAMPLING
        ),
        EstimatorEntry(
            "predictor_corrector",
            "estibench_sampling.predictor_corrector:PredictorCorrector",
            "reversed diffusion and Langevin steps in turn",
            SAMPLING,
        ),
        EstimatorEntry(
            "gradient_ascent",
            "estibench_sampling.gradient_ascent:GradientAscent",
            "Langevin without noise: collapses to modes",
            SAMPLING,
        ),
    ]
