"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

LOG_NORMALIZER = ("log_normalizer",)
ELBO_GRADIENT = ("elbo_gradient",)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry(
            "log_normalizer",
            "estibench_evidence.tasks:LOG_NORMALIZER",
            "log of the integral of an unnormalised density",
        ),
        TaskEntry(
            "elbo_gradient",
            "estibench_evidence.tasks:ELBO_GRADIENT",
            "gradient of a lower bound of the evidence in its normal approximation",
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
        ProblemEntry(
            "linear_gaussian",
            "estibench_evidence.linear_gaussian:LinearGaussian",
            "a linear decoder of normal latents: the ELBO, or a bound of several samples",
            "elbo_gradient",
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
        EstimatorEntry(
            "score_function",
            "estibench_evidence.score_function:ScoreFunction",
            "log w times the score of q: no derivative of the model",
            ELBO_GRADIENT,
        ),
        EstimatorEntry(
            "pathwise",
            "estibench_evidence.pathwise:Pathwise",
            "the derivative through the sample; KL sampled or analytic",
            ELBO_GRADIENT,
        ),
        EstimatorEntry(
            "sticking_the_landing",
            "estibench_evidence.sticking_the_landing:StickingTheLanding",
            "pathwise without the score of q",
            ELBO_GRADIENT,
        ),
        EstimatorEntry("iwae", "estibench_evidence.iwae:IWAE", "pathwise, of K importance samples", ELBO_GRADIENT),
        EstimatorEntry("dreg", "estibench_evidence.dreg:DReG", "doubly reparameterised, of K samples", ELBO_GRADIENT),
    ]
