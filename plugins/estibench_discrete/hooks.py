"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

GRADIENTS = ("discrete_gradient", "discrete_fit")
CODEBOOKS = ("discrete_gradient",)  # the codebook's own loss; a VQ-VAE in training follows it in any case
SAMPLING = ("categorical_sampling",)


def _task(name: str, target: str, summary: str) -> TaskEntry:
    return TaskEntry(name, f"estibench_discrete.{target}", summary)


def _problem(name: str, target: str, task: str, summary: str) -> ProblemEntry:
    return ProblemEntry(name, f"estibench_discrete.{target}", summary, task)


def _estimator(name: str, target: str, tasks: tuple[str, ...], summary: str) -> EstimatorEntry:
    return EstimatorEntry(name, f"estibench_discrete.{target}", summary, tasks)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        _task("discrete_gradient", "tasks:GRADIENT", "gradient of an expectation over categorical variables"),
        _task("discrete_fit", "tasks:FIT", "loss along a training run that uses such gradients"),
        _task("categorical_sampling", "tasks:SAMPLING", "probabilities of a categorical variable, by its samples"),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    task = "discrete_gradient"
    return [
        _problem("bernoulli_quadratic", "bernoulli_quadratic:BernoulliQuadratic", task, "E (b − t)² of one coin"),
        _problem("categorical", "categorical:Categorical", task, "one variable under an objective of known degree"),
        _problem("product", "categorical:Product", task, "several variables, all states summed"),
        _problem("separable_quadratic", "separable_quadratic:SeparableQuadratic", task, "200 variables, closed form"),
        _problem("vq", "vq:VQ", task, "vector quantisation at a stated temperature"),
        _problem("residual_vq", "residual_vq:ResidualVQ", task, "codebooks in stages, at a stated temperature"),
        _problem("scalar_quantisation", "scalar_quantisation:ScalarQuantisation", task, "channels rounded: FSQ"),
        _problem("digits_vae", "digits_vae:DigitsVAE", task, "encoder of an autoencoder of real digits"),
        _problem("bernoulli_fit", "bernoulli_fit:BernoulliFit", "discrete_fit", "coins with wrong fixed points"),
        _problem("digits_fit", "digits_fit:DigitsFit", "discrete_fit", "autoencoder of real digits, trained"),
        _problem("vq_density", "vq_density:VQDensity", "discrete_fit", "VQ-VAE of a known density, trained"),
        _problem("vq_digits", "vq_digits:VQDigits", "discrete_fit", "VQ-VAE of real digits, trained"),
        _problem("categorical_law", "categorical_law:CategoricalLaw", "categorical_sampling", "frequencies of samples"),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        _estimator("enumeration", "enumeration:Enumeration", GRADIENTS, "the exact gradient, over all states"),
        _estimator("reinforce", "reinforce:Reinforce", GRADIENTS, "score function, with or without a baseline"),
        _estimator("straight_through", "straight_through:StraightThrough", GRADIENTS, "∇f at a sample, as if at p"),
        _estimator("reinmax", "reinmax:ReinMax", GRADIENTS, "straight-through of second order"),
        _estimator("gumbel_softmax", "gumbel_softmax:GumbelSoftmax", GRADIENTS, "relaxed samples; hard or not"),
        _estimator("gumbel_rao", "gumbel_rao:GumbelRao", GRADIENTS, "straight-through Gumbel, averaged"),
        _estimator("rebar", "rebar:Rebar", GRADIENTS, "score function with a relaxed control variate"),
        _estimator("relax", "relax:Relax", GRADIENTS, "score function with a learnt control variate"),
        _estimator("arm", "arm:Arm", GRADIENTS, "antithetic pairs for binary variables: ARM and DisARM"),
        _estimator("arms", "arms:Arms", GRADIENTS, "n samples of binary variables that avoid each other: ARMS"),
        _estimator(
            "double_control", "double_control:DoubleControl", GRADIENTS, "score function of what is not linear in f"
        ),
        _estimator(
            "vq_straight_through", "vq_straight_through:VQStraightThrough", GRADIENTS, "the code's gradient, copied"
        ),
        _estimator("rotation_trick", "rotation_trick:RotationTrick", GRADIENTS, "gradient at the code, rotated back"),
        _estimator("codebook_loss", "codebook_loss:CodebookLoss", CODEBOOKS, "codes move to their data"),
        _estimator("gumbel_max", "samplers:GumbelMax", SAMPLING, "argmax of logits and Gumbel noise"),
        _estimator("inverse_cdf", "samplers:InverseCDF", SAMPLING, "one uniform number for each sample"),
        _estimator("exponential_race", "samplers:ExponentialRace", SAMPLING, "first of exponential arrivals"),
    ]
