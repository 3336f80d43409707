"""Peak memory and counted work against what theory says."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from estibench.contracts.counting import count, counting
from estibench.measure.work import measure_work

A = torch.ones(1000, 1000)
MB = 4 * 1000 * 1000


def test_peak_bytes_of_a_chain_is_two_tensors():
    """x → x+1 → … keeps one result alive while the next is made."""

    def chain():
        x = A + 1
        for _ in range(5):
            x = x + 1
        return x

    assert measure_work(chain, "cpu").peak_bytes == 2 * MB
    assert measure_work(chain, "cpu").peak_bytes == 2 * MB, "repeatable to the byte"


def test_views_inputs_and_in_place_operations_cost_nothing():
    def views():
        x = A.T[:10].reshape(-1)[:5]
        return A.expand(3, 1000, 1000)[0, 0] + 0 * x[0]

    assert measure_work(views, "cpu").peak_bytes < 100_000
    assert measure_work(lambda: (A + 1).add_(1).mul_(2), "cpu").peak_bytes == MB


def test_memory_is_seen_below_vmap_and_vjp():
    def batched():
        return torch.func.vmap(lambda v: torch.tanh(v) * 2)(A)

    assert measure_work(batched, "cpu").peak_bytes == 2 * MB

    def pulled_back():
        value, pull_back = torch.func.vjp(torch.tanh, A)
        return pull_back(torch.ones_like(value))

    assert measure_work(pulled_back, "cpu").peak_bytes >= 3 * MB


def test_flops_of_a_matrix_product():
    assert measure_work(lambda: A @ A, "cpu").flops == 2 * 1000**3


def test_flops_are_those_that_torch_counts_operator_by_operator():
    """Under inference mode composite operators such as `matmul` and `linear` arrive whole."""
    net = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.Flatten(), torch.nn.Linear(12, 5))

    def call():
        found = net(torch.ones(4, 2, 6))
        with torch.inference_mode():
            return found.detach() @ torch.ones(5, 7) + torch.einsum("ij,ij->", torch.ones(4, 7), torch.ones(4, 7))

    with FlopCounterMode(display=False) as torchs:
        call()
    convolution, linear, product = 2 * 4 * 4 * 3 * 2 * 3, 2 * 4 * 12 * 5, 2 * 4 * 5 * 7
    assert measure_work(call, "cpu").flops == torchs.get_total_flops() >= convolution + linear + product


def test_storages_in_lists_count():
    """What `_foreach` operators give, and what `stack` is given."""
    assert measure_work(lambda: torch._foreach_add([A, A], 1), "cpu").peak_bytes == 2 * MB
    assert measure_work(lambda: torch.stack([A, A]), "cpu").peak_bytes == 2 * MB
    assert measure_work(lambda: torch.stack(torch._foreach_add([A, A], 1)), "cpu").peak_bytes == 4 * MB


def test_counts_are_collected_only_inside():
    count("matvec", 5)
    with counting() as outer:
        count("matvec")
        with counting() as inner:
            count("vjp", 3)
        count("matvec", 2)
    assert dict(outer) == {"matvec": 3}
    assert dict(inner) == {"vjp": 3}
    assert measure_work(lambda: count("matvec", 7), "cpu").counts == {"matvec": 7}


def test_modules_under_autograd_in_their_input_are_counted():
    """Two layers' worth of products: forward 2·3·2·4 twice, and as much again for the gradient in the input."""
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))

    def call():
        x = torch.ones(3, 2).requires_grad_()
        return torch.autograd.grad(net(x).sum(), x, create_graph=True)

    call()
    assert measure_work(call, "cpu").flops == 4 * 2 * 3 * 2 * 4
