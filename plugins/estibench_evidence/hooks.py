"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

LOG_NORMALIZER = ("log_normalizer",)
BOUNDS = ("elbo_gradient", "vae_fit")


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
        TaskEntry(
            "vae_fit",
            "estibench_evidence.tasks:VAE_FIT",
            "likelihood along the training of an autoencoder that uses such gradients",
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
        ProblemEntry(
            "vae_density",
            "estibench_evidence.vae_density:VAEDensity",
            "an autoencoder of a known density, trained",
            "vae_fit",
        ),
        ProblemEntry(
            "vae_digits",
            "estibench_evidence.vae_digits:VAEDigits",
            "an autoencoder of real digits in bits per dimension, trained",
            "vae_fit",
        ),
        ProblemEntry(
            "vae_linear",
            "estibench_evidence.vae_linear:VAELinear",
            "a linear autoencoder of known best likelihood, trained",
            "vae_fit",
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
            BOUNDS,
        ),
        EstimatorEntry(
            "pathwise",
            "estibench_evidence.pathwise:Pathwise",
            "the derivative through the sample; KL sampled or analytic",
            BOUNDS,
        ),
        EstimatorEntry(
            "sticking_the_landing",
            "estibench_evidence.sticking_the_landing:StickingTheLanding",
            "pathwise without the score of q",
            BOUNDS,
        ),
        EstimatorEntry("iwae", "estibench_evidence.iwae:IWAE", "pathwise, of K importance samples", BOUNDS),
        EstimatorEntry("dreg", "estibench_evidence.dreg:DReG", "doubly reparameterised, of K samples", BOUNDS),
    ]
