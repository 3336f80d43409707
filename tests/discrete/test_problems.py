"""Every problem's truth, and what variance formulas rest on, against sums and derivatives by other means."""

import itertools

import pytest
import torch

from estibench_discrete.contract import GradientProblem
from estibench_discrete.distribution import softmax_vjp
from estibench_discrete.reference import enumerated, separable

PROBLEMS = [
    ("bernoulli_quadratic", {"p": 0.3, "target": 0.2}),
    *[("categorical", {"objective_kind": kind, "values": 5}) for kind in ("linear", "quadratic", "cubic", "network")],
    ("product", {"variables": 3, "values": 4}),
    ("product", {"variables": 4, "values": 2, "objective_kind": "cubic"}),
    ("separable_quadratic", {"variables": 4, "values": 3}),
    ("digits_vae", {"variables": 2, "values": 4, "batch": 3, "trained": 3}),
]


def states(problem):
    """Every state as a list of values, and as one-hot vectors (batch, L, K)."""
    batch, variables, values = problem.logits.shape
    for index in itertools.product(range(values), repeat=variables):
        one_hot = torch.zeros(batch, variables, values, dtype=torch.float64)
        for variable, value in enumerate(index):
            one_hot[:, variable, value] = 1
        yield index, one_hot


def probability(logits, index):
    """Of a state, for each datum, (batch,)."""
    p = torch.softmax(logits, -1)
    return torch.stack([p[:, variable, value] for variable, value in enumerate(index)]).prod(0)


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
def test_truth_is_the_derivative_of_the_expectation(build, name, parameters):
    problem = build("problem", name, **parameters)
    logits = problem.logits.clone().requires_grad_()
    expectation = sum(
        (probability(logits, index) * problem.objective.function(one_hot)).sum() for index, one_hot in states(problem)
    )
    if name == "digits_vae":
        log_q = torch.log_softmax(logits, -1)
        expectation = expectation + (log_q.exp() * log_q).sum()  # KL to the uniform prior, up to a constant
    (gradient,) = torch.autograd.grad(expectation, logits)
    assert problem.truth.shape == problem.logits.shape
    torch.testing.assert_close(problem.truth, gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
def test_moments_of_f_and_the_score(build, name, parameters):
    problem = build("problem", name, **parameters)
    p = torch.softmax(problem.logits, -1)
    rows = []
    for index, one_hot in states(problem):
        f, score = problem.objective.function(one_hot), (one_hot - p).square().sum((-2, -1))
        rows.append((probability(problem.logits, index), f, score))
    weights, f, score = map(torch.stack, zip(*rows, strict=True))
    mean = (weights * f).sum(0)
    expected = {
        "mean": mean,
        "variance": (weights * (f - mean) ** 2).sum(0),
        "score": (weights * score).sum(0),
        "mixed": (weights * (f - mean) * score).sum(0),
        "square": (weights * (f - mean) ** 2 * score).sum(0),
    }
    for moment, value in expected.items():
        torch.testing.assert_close(getattr(problem.reference.moments, moment), value, rtol=1e-9, atol=1e-12)


def test_separable_sums_agree_with_all_states(build):
    problem = build("problem", "separable_quadratic", variables=4, values=3)
    short, whole = (
        separable(problem.logits, problem._terms),
        enumerated(problem.logits, problem.objective.function),
    )
    torch.testing.assert_close(short.gradient, whole.gradient)
    slopes = [softmax_vjp(known.p, known.mean_and_variance(lambda p, z, v: v)[0]) for known in (short, whole)]
    torch.testing.assert_close(*slopes)
    for moment in ("mean", "variance", "score", "mixed", "square"):
        torch.testing.assert_close(getattr(short.moments, moment), getattr(whole.moments, moment))
    squares = [known.mean_and_variance(lambda p, z, v: z * v)[1] for known in (short, whole)]
    torch.testing.assert_close(*squares)


def test_the_coin_has_its_closed_form(build):
    problem = build("problem", "bernoulli_quadratic", p=0.3, target=0.2)
    assert problem.truth.flatten().tolist() == pytest.approx([-0.21 * 0.6, 0.21 * 0.6])
    torch.testing.assert_close(GradientProblem.truth.func(problem), problem.truth)


def test_two_hundred_variables_are_no_obstacle(build):
    problem = build("problem", "separable_quadratic")
    assert problem.truth.shape == (1, 200, 10)
    assert problem.truth.sum(-1).abs().max() < 1e-14


def test_degrees_are_those_of_the_objectives(build):
    """Along a line in one variable the (d + 1)-th difference vanishes and the d-th does not."""
    for kind, degree, values in (("linear", 1, 3), ("quadratic", 2, 3), ("quadratic", 2, 600), ("cubic", 3, 3)):
        shape = ("product", {"variables": 2}) if values == 3 else ("categorical", {})
        problem = build("problem", shape[0], objective_kind=kind, values=values, **shape[1])
        assert problem.degree == degree
        line = torch.linspace(0, 1, degree + 2, dtype=torch.float64)[:, None, None, None]
        start = torch.rand(1, *problem.logits.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        direction = torch.zeros_like(start)
        direction[..., 0, :3] = torch.tensor([1.0, -2.0, 0.5])
        f = problem.objective.function(start + line * direction)[:, 0]
        assert f.diff(n=degree + 1).abs().max() < 1e-10
        assert f.diff(n=degree).abs().max() > 1e-3


def test_objectives_of_many_values_vary_as_those_of_few_do(build):
    """cᵀx + ½ xᵀQx of a one-hot vector has variance 1 + ¼, of full rank and, beyond 512 values, of low rank."""
    for values in (512, 1024):
        problem = build("problem", "categorical", objective_kind="quadratic", values=values)
        found = problem.objective.function(torch.eye(values, dtype=torch.float64)[:, None, None])
        assert found.var().item() == pytest.approx(1.25, rel=5 * (2 / values) ** 0.5)  # five standard errors, and more


def test_data_are_the_same_in_every_dtype_and_differ_by_seed(build):
    for name, parameters in PROBLEMS[1:]:
        problem = build("problem", name, **parameters)
        single = problem.at("cpu", "float32")
        assert single.logits.dtype == torch.float32
        torch.testing.assert_close(single.logits.double(), problem.logits, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(single.truth, problem.truth)
        other = build("problem", name, **{**parameters, "seed": 7})
        assert not torch.allclose(other.truth, problem.truth)


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "message"),
    [
        ("problem", "product", {"variables": 8, "values": 8}, r"8\^8 states are more than 16384"),
        ("problem", "digits_vae", {"variables": 5, "values": 10}, r"10\^5 states are more than 16384"),
        ("problem", "digits_fit", {"variables": 5, "values": 10}, r"10\^5 states are more than 16384"),
        ("estimator", "reinforce", {"baseline": "leave_one_out"}, "needs at least 2 samples"),
    ],
)
def test_parameters_that_do_not_go_together(host, kind, name, parameters, message):
    from estibench.host.components import ParameterError, make

    with pytest.raises(ParameterError, match=message):
        make(host, kind, name, parameters)
