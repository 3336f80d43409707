"""Probing by colouring, and the convolutional field that it is exact on."""

import pytest
import torch
from torch import nn

from estibench import counting
from estibench.host.components import ParameterError, make
from estibench.testing.case import Case, Effort
from estibench.testing.cell import measure_case
from estibench_trace.colouring import colour_of, count_colours
from estibench_trace.own_divergence import ladder, own_divergence
from estibench_trace.probing import Probing

SIZES = [{"dim": 9}, {"dim": 64}, {"dim": 98, "channels": 2}]


@pytest.fixture
def image(build):
    def image(**parameters):
        return build("problem", "conv_jacobian", **{"dim": 64, "batch": 2, "hidden": 3, **parameters})

    return image


def verdicts(problem, estimator, draws=100):
    """By the claim's title: what a run says."""
    row = measure_case(Case(estimator, problem, Effort(draws, 60.0, 0), "matvec"))
    return {claim["claim"].split(" if ")[0]: claim["verdict"] for claim in row["claims"]}


@pytest.mark.parametrize("parameters", SIZES)
def test_the_truth_and_the_sums_are_those_of_the_whole_jacobian(image, parameters):
    """With the offset of K₃ turned round, or without the border, the truth is 1e-2 off."""
    problem = image(**parameters)
    J = torch.func.vmap(torch.func.jacrev(problem.field))(problem.points)
    diagonal = J.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(problem.truth, diagonal.sum(1), rtol=1e-12, atol=1e-12)
    sums = problem.sums
    torch.testing.assert_close(sums.frobenius, ((J + J.mT) / 2).square().sum((1, 2)))
    torch.testing.assert_close(sums.entries, J.square().sum((1, 2)))
    torch.testing.assert_close(sums.diagonal, diagonal.square().sum(1))
    torch.testing.assert_close(sums.trace, problem.truth)
    assert problem.truth.abs().min() > 0.01 * problem.dim


@pytest.mark.parametrize("parameters", SIZES)
def test_outputs_see_seven_by_seven_pixels_and_no_more(image, parameters):
    problem = image(**parameters)
    side, c = problem.side, problem.channels
    J = torch.func.vmap(torch.func.jacrev(problem.field))(problem.points)
    y, x = torch.arange(side)[:, None].expand(-1, side).reshape(-1), torch.arange(side).repeat(side)
    far = torch.maximum((y[:, None] - y).abs(), (x[:, None] - x).abs()).repeat(c, c)
    assert ((J != 0) == (far <= (problem.receptive_field - 1) // 2)).all()


@pytest.mark.parametrize("shape", [(12,), (1, 5, 7), (3, 6, 6), (2, 4, 3, 5)])
@pytest.mark.parametrize("spacing", [1, 2, 4])
def test_pixels_of_a_colour_are_apart_and_every_colour_is_used(shape, spacing):
    colour = colour_of(shape, spacing)
    pixels = shape if len(shape) == 1 else shape[1:]
    places = torch.cartesian_prod(*map(torch.arange, (1, *pixels) if len(shape) == 1 else shape))
    same = (colour[:, None] == colour) & ~torch.eye(len(colour), dtype=torch.bool)
    far = (places[:, None] - places)[..., 1:].abs().amax(-1)
    assert (places[:, None, 0] == places[:, 0])[same].all()
    assert (far[same] >= spacing).all()
    assert colour.unique().tolist() == list(range(count_colours(shape, spacing)))


@pytest.mark.parametrize("noise", ["ones", "rademacher"])
@pytest.mark.parametrize(("receptive", "more"), [(7, 0), (9, 0), (None, 3)])
@pytest.mark.parametrize("parameters", SIZES)
def test_it_is_exact_from_a_product_a_colour(image, parameters, receptive, more, noise):
    problem = image(**parameters)
    s = min(5 if receptive == 9 else 4, problem.side)
    with counting() as counts:
        found = Probing(receptive, noise).estimate(problem, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, problem.truth, rtol=1e-12, atol=1e-12)
    assert counts == {"matvec": more + problem.channels * s**2, "vjp": more + problem.channels * s**2, "evaluation": 1}


def test_784_pixels_take_16_products(image):
    problem = image(dim=784, batch=1, hidden=2).at("cpu", "float32")
    with counting() as counts:
        found = Probing().estimate(problem, torch.Generator().manual_seed(1))
    assert counts["matvec"] == 16 + 3
    torch.testing.assert_close(found.double(), problem.truth, rtol=1e-5, atol=0)


def test_matrices_are_lines_of_pixels(build):
    banded = build("problem", "structured_matrix", structure="tridiagonal", dim=40)
    dense = build("problem", "matrix", dim=12)
    for problem, products in ((banded, 3 + 2), (dense, 3 + 12)):
        with counting() as counts:
            found = Probing().estimate(problem, torch.Generator().manual_seed(1))
        assert counts["matvec"] == products
        torch.testing.assert_close(found, problem.truth)


def test_a_right_pattern_is_supported_and_a_wrong_one_refuted(image):
    """Of five pixels in place of seven: neither exact nor unbiased. 100 draws of a fixed seed."""
    problem = image()
    cost = "matvec = channels · s²"
    assert verdicts(problem, Probing(7)) == {"exact": "supported", "unbiased": "supported", cost: "supported"}
    assert verdicts(problem, Probing()) == {"exact": "supported", "unbiased": "supported", cost: "supported"}
    narrow = verdicts(problem, Probing(5))
    assert (narrow["exact"], narrow["unbiased"], narrow[cost]) == ("refuted", "refuted", "supported")


class Later(Probing):
    """Looks for its pattern, and then takes the pixels for closer than they are."""

    def spacing(self, receptive):
        return super().spacing(receptive) - 1


def test_a_reach_other_than_the_known_one_is_a_refuted_cost(image):
    assert verdicts(image(), Later())["matvec = channels · s²"] == "refuted"


def test_signs_pay_for_a_narrow_pattern_with_variance_in_closed_form(image):
    """6000 draws: the claim's interval is about 4 % wide, and the indicators' Hutchinson variance twice as large."""
    problem = image(dim=49)
    narrow = Probing(3, "rademacher")
    found = verdicts(problem, narrow, 6000)
    assert {found["unbiased"], found["variance = 2 Σ S_ij² over i ≠ j of one colour"]} == {"supported"}
    claimed = next(claim for claim in narrow.claims if claim.statement.startswith("variance")).formula
    J = torch.func.vmap(torch.func.jacrev(problem.field))(problem.points)
    S, colour = (J + J.mT) / 2, colour_of(problem.shape, 2)
    same = (colour[:, None] == colour) & ~torch.eye(49, dtype=torch.bool)
    torch.testing.assert_close(claimed(problem, narrow), 2 * (S.square() * same).sum((1, 2)))
    assert (claimed(problem, Probing(7, "rademacher")) == 0).all()
    assert (claimed(problem, narrow) < problem.sums.frobenius - problem.sums.diagonal).all()


def test_what_does_not_apply_says_why(host, image):
    with pytest.raises(ParameterError, match="an odd number, not 4"):
        make(host, "estimator", "probing", {"receptive": 4})
    with pytest.raises(ParameterError, match=r"60 numbers are not 1 square image\(s\)"):
        make(host, "problem", "conv_jacobian", {"dim": 60})
    with pytest.raises(Exception, match="declare `receptive`"):
        Probing().estimate(image().at("cpu", "bfloat16"), torch.Generator().manual_seed(0))


def test_an_own_network_is_probed_where_it_is_local():
    """A normalisation over the image couples all pixels: no colours are saved, and none are offered."""
    points = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    convolutions = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1))
    problem = own_divergence(field=convolutions, points=points)
    assert "probing" in ladder(problem)
    with counting() as counts:
        found = Probing().estimate(problem, torch.Generator().manual_seed(0))
    assert counts["matvec"] == 3 + 9
    torch.testing.assert_close(found.double(), problem.truth, rtol=1e-4, atol=1e-5)
    normalised = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Conv2d(4, 1, 3, padding=1))
    assert "probing" not in ladder(own_divergence(field=normalised, points=points))
    assert "probing" not in ladder(own_divergence(field=nn.Linear(8, 8), points=points.reshape(16, 8)))
