"""Both ways to a gradient give the same, inside of transforms and outside."""

import torch

from estibench_discrete.differentiate import gradient_of_sum, gradients


def cubic(x):
    """Σ_i x_i³ of each row; its gradient is 3x²."""
    return x.pow(3).sum(-1)


def test_inside_of_a_transform_it_is_what_it_is_outside():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    gradient, values = gradient_of_sum(cubic, x)
    torch.testing.assert_close(gradient, 3 * x.square())
    torch.testing.assert_close(values, cubic(x))
    assert not gradient.requires_grad
    assert not values.requires_grad
    for one, other in zip(torch.func.vmap(lambda row: gradient_of_sum(cubic, row))(x), (gradient, values), strict=True):
        torch.testing.assert_close(one, other)


def test_it_can_be_differentiated_again_inside():
    x = torch.tensor([0.5, 2.0])
    twice = torch.func.jacrev(lambda point: gradient_of_sum(cubic, point)[0])(x)
    torch.testing.assert_close(twice, (6 * x).diag())


def test_what_does_not_depend_on_an_input_has_gradient_0():
    x, y = torch.ones(3), torch.ones(2)
    slopes, other = gradients(lambda at: (at[0].square().sum(), at[1].sum()), (x, y))
    torch.testing.assert_close(slopes, (2 * x, torch.zeros(2)))
    assert float(other) == 2.0
    torch.testing.assert_close(gradient_of_sum(lambda point: torch.ones(4), x)[0], torch.zeros(3))


def test_a_users_parameters_are_left_alone():
    network = torch.nn.Linear(3, 1)
    gradient_of_sum(lambda x: network(x)[..., 0], torch.ones(2, 3))
    assert network.weight.grad is None
