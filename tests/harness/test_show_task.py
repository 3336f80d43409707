"""What `bench show TASK` says of each task's contract, and that each names its page and an example."""

import importlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from estibench.cli import bench

SAYS = {  # of each task: a sentence of its contract, an oracle with its shapes, a public name
    "score_gradient": ("∇_θ ½E‖s_θ(x) − ∇log p(x)‖²", "s(x): (..., m) → (..., m).", "ScoreEstimator: An objective"),
    "score_fit": ("one run on minibatches of its own", "with_vjps(x, v)", "PlainLoss"),
    "score_estimate": ("∇log p at fixed points", "Where the score is wanted, (points, m).", "SampleScoreEstimator"),
    "velocity_gradient": (
        "∇_θ ½E‖v_θ(x_t, t) − u_t(x_t)‖²",
        "v(x, t_k): (..., m), (..., 1) → (..., m).",
        "VelocityEstimator",
    ),
    "discrete_gradient": ("independent z_bl ~ Cat(softmax θ_bl)", "f(z): (n, batch, L, K) → (n, batch)", "Memoryless"),
    "discrete_fit": ("Minimise E f, each step", "The objective and the logits, (batch, L, K), of", "DiscreteFit"),
    "categorical_sampling": (
        "The probabilities of a categorical variable",
        "Uniform numbers in (0, 1)",
        "CategoricalSampler",
    ),
    "sampling": ("A density to be sampled", "∇ log p: (..., chains, dim) → (..., chains, dim)", "KernelSampler"),
    "density_evolution": ("∂p/∂t = −∇·(f p)", "∇·f: (..., dim) → (...).", "EvolutionProblem"),
    "log_normalizer": ("log Z of Z = ∫ γ(x) dx", "U = log γ − log q: (..., dim) → (...).", "NormalPath"),
    "elbo_gradient": ("∇_(μ, λ) L_K", "∇_z log p(x, z), like z.", "Quadratic"),
    "synthetic": ("The vector t", "t on the problem's device", "Constant"),
}


@pytest.mark.parametrize("task", SAYS)
def test_show_prints_the_contract(task):
    done = CliRunner().invoke(bench, ["show", task])
    assert done.exit_code == 0, done.output
    for words in SAYS[task]:
        assert words in done.output
    for title in ("The estimand", "What `estimate(problem, generator)` returns", "What a problem offers", "Ranked by"):
        assert f"\n{title}\n" in done.output
    assert f"bench plugin new NAME --task {task}" in done.output
    samples = task == "sampling"
    assert ("points: states of independent chains" in done.output) == samples
    assert ("What a training run gives" in done.output) == task.endswith("_fit")
    plain = not samples and not task.endswith("_fit")
    assert ("One estimate, shaped like `problem.truth`" in done.output) == plain


def test_every_task_names_its_page_and_an_example(host):
    root = Path(__file__).parents[2]
    for entry in host.tasks:
        task = entry.load()
        assert (root / task.docs).is_file(), entry.name
        example = importlib.import_module(task.example).Example
        assert example.citation
        assert example.__doc__
