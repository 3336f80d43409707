"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

LOSSES = ("score_gradient", "score_fit")
SAMPLES = ("score_estimate",)
VELOCITIES = ("velocity_gradient", "velocity_fit")


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry(
            "score_gradient", "estibench_score.tasks:SCORE_GRADIENT", "gradient of the Fisher divergence, one minibatch"
        ),
        TaskEntry("score_fit", "estibench_score.tasks:SCORE_FIT", "training runs: Fisher divergence along the way"),
        TaskEntry("score_estimate", "estibench_score.tasks:SCORE_ESTIMATE", "score at points from samples, untrained"),
        TaskEntry(
            "velocity_gradient",
            "estibench_score.tasks:VELOCITY_GRADIENT",
            "gradient of the flow-matching objective, one minibatch",
        ),
        TaskEntry("velocity_fit", "estibench_score.tasks:VELOCITY_FIT", "training runs of flows: held-out likelihood"),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry(
            "score_gradient",
            "estibench_score.score_gradient:ScoreGradient",
            "gradient of the Fisher divergence of a model on a density",
            "score_gradient",
        ),
        ProblemEntry(
            "score_fit",
            "estibench_score.score_fit:ScoreFit",
            "a model trained by Adam on a density's samples",
            "score_fit",
        ),
        ProblemEntry(
            "score_from_samples",
            "estibench_score.sample_problem:SampleScoreProblem",
            "a density's score at points, from fresh samples",
            "score_estimate",
        ),
        ProblemEntry(
            "velocity_gradient",
            "estibench_score.velocity_gradient:VelocityGradient",
            "gradient of the flow-matching objective of a model on a density",
            "velocity_gradient",
        ),
        ProblemEntry(
            "velocity_fit",
            "estibench_score.velocity_fit:VelocityFit",
            "a velocity trained by Adam on a density's samples",
            "velocity_fit",
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry("explicit", "estibench_score.explicit:Explicit", "regression on the true score: oracle", LOSSES),
        EstimatorEntry("implicit", "estibench_score.implicit:Implicit", "ISM: exact trace of the Jacobian", LOSSES),
        EstimatorEntry("sliced", "estibench_score.sliced:Sliced", "SSM: random directions, with or without VR", LOSSES),
        EstimatorEntry("denoising", "estibench_score.denoising:Denoising", "DSM: regression on added noise", LOSSES),
        EstimatorEntry(
            "denoising_ladder",
            "estibench_score.denoising_ladder:DenoisingLadder",
            "noise-conditional DSM over many levels",
            LOSSES,
        ),
        EstimatorEntry(
            "finite_difference",
            "estibench_score.finite_difference:FiniteDifference",
            "FD-SSM: two evaluations for a derivative",
            LOSSES,
        ),
        EstimatorEntry(
            "curvature_propagation",
            "estibench_score.curvature_propagation:CurvaturePropagation",
            "noise at every layer of an energy network",
            LOSSES,
        ),
        EstimatorEntry(
            "contrastive_divergence",
            "estibench_score.contrastive_divergence:ContrastiveDivergence",
            "CD-k and persistent chains: the likelihood of an energy",
            ("score_fit",),
        ),
        EstimatorEntry(
            "kernel_density_score",
            "estibench_score.kernel_density_score:KernelDensityScore",
            "score of a kernel density estimate",
            SAMPLES,
        ),
        EstimatorEntry(
            "stein_score", "estibench_score.stein_score:SteinScore", "Stein's identity, inverted with a ridge", SAMPLES
        ),
        EstimatorEntry("ssge", "estibench_score.ssge:SSGE", "spectral Stein gradient estimator", SAMPLES),
        EstimatorEntry(
            "explicit_flow",
            "estibench_score.explicit_flow:ExplicitFlow",
            "regression on the marginal velocity: oracle",
            VELOCITIES,
        ),
        EstimatorEntry(
            "conditional_flow",
            "estibench_score.conditional_flow:ConditionalFlow",
            "CFM: regression on the velocity of each pair",
            VELOCITIES,
        ),
        EstimatorEntry(
            "importance_flow",
            "estibench_score.importance_flow:ImportanceFlow",
            "CFM with logit-normal times and their weights",
            VELOCITIES,
        ),
        EstimatorEntry(
            "ot_flow",
            "estibench_score.ot_flow:OTFlow",
            "CFM with pairs by minibatch optimal transport",
            VELOCITIES,
        ),
    ]
