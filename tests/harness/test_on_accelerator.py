"""What only a real accelerator can show: the same estimand, its clock and caches, tf32, compiled calls, a full memory.

`ESTIBENCH_DEVICE` names the device: cuda where it is not set.
"""

import os
from pathlib import Path

import pytest
import torch

from estibench import host as plugin_host
from estibench.analysis.verdicts import judge
from estibench.host.components import make
from estibench.measure import measure_block
from estibench.measure.clock import bound_by, elapsed, flusher, kernel_seconds
from estibench.measure.device import has_tf32, parts, products, why_missing
from estibench.suite import Block, Settings

DEVICE = os.environ.get("ESTIBENCH_DEVICE", "cuda")
PLUGIN = Path(__file__).parent / "plugins" / "on_device.py"

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(why_missing(DEVICE) is not None or parts(DEVICE)[0] == "cpu", reason=f"needs {DEVICE}"),
]


@pytest.fixture(scope="module")
def host():
    yield plugin_host.start([str(PLUGIN)])
    plugin_host.start()


@pytest.fixture
def measure(host):
    """`measure(("exact", {}), …)`: rows of one block on the device, in order."""

    def measure(*cells, problem=("matrix", {"dim": 64}), modes=("off",), dtype="float32", rounds=7):
        some = [make(host, "estimator", name, given).compiled(mode) for name, given in cells for mode in modes]
        made, task = make(host, "problem", *problem), host.problems.get(problem[0]).task
        rows = measure_block(Block(made, task, DEVICE, dtype, tuple(some), 0), Settings(max_draws=512, rounds=rounds))
        judge(rows)
        return rows

    return measure


@pytest.mark.parametrize("name", ["exact", "hutchinson", "hutchpp", "na_hutchpp", "xtrace", "xnystrace"])
def test_the_same_estimand_is_measured(measure, name):
    dtype = "float32" if parts(DEVICE)[0] == "mps" else "float64"
    (row,) = measure((name, {}), dtype=dtype)
    assert row["status"] == "ok", row["reason"]
    assert row["peak_bytes"] > 0
    assert row["time"] > 0
    assert not any(claim["verdict"] == "refuted" for claim in row["claims"])


def test_launches_bound_what_is_small_and_arithmetic_what_is_large(measure):
    a = torch.ones(8192, 8192, device=DEVICE)
    large = kernel_seconds(DEVICE, lambda: a @ a)
    if large is None:
        pytest.skip(f"torch's profiler does not see {DEVICE}")
    wall, _ = elapsed(DEVICE, lambda: a @ a, 3)
    assert bound_by(large, wall / 3) == "compute"
    (row,) = measure(("exact", {"method": "vjp_loop"}), problem=("field_jacobian", {"dim": 8, "batch": 2}))
    assert (row["bound"], row["time_cache"]) == ("launch", "warm")
    assert 0 < row["time_kernels"] < row["time"]


def test_the_cache_is_emptied_where_torch_knows_its_size():
    flush = flusher(DEVICE)
    if flush is None:
        pytest.skip(f"torch does not know the L2 cache of {DEVICE}")
    assert flush().device.type == parts(DEVICE)[0]


@pytest.mark.skipif(why_missing(DEVICE) is not None or not has_tf32(DEVICE), reason="needs tf32")
def test_tf32_rounds_products_to_ten_bits_and_float32_does_not():
    a, b = torch.randn(2, 1024, 1024, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors = {}
    for dtype in ("float32", "tf32"):
        with products(DEVICE, dtype):
            found = (a.float().to(DEVICE) @ b.float().to(DEVICE)).cpu().double()
        errors[dtype] = float((found - a @ b).norm() / (a @ b).norm())
    assert errors["float32"] < 1e-5
    assert 1e-5 < errors["tf32"] < 2**-9


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_a_compiled_call_draws_what_the_plain_one_draws(measure, mode):
    plain, compiled = measure(("hutchinson", {"probes": 4}), modes=("off", mode))
    if compiled["status"] == "unsupported":
        pytest.skip(compiled["reason"])
    assert compiled["status"] == "ok", compiled["reason"]
    assert compiled["compile_graphs"] >= 1
    assert compiled["mse"] == pytest.approx(plain["mse"], rel=0.5)
    assert not any(claim["verdict"] == "refuted" for claim in compiled["claims"])


def test_a_call_that_fills_the_device_is_a_row_and_the_next_is_clean(measure):
    problem = ("constant", {"components": 2})
    (alone,) = measure(("there", {}), problem=problem, rounds=0)
    huge, after = measure(("huge", {}), ("there", {}), problem=problem, rounds=0)
    assert huge["status"] == "out_of_memory"
    assert after["status"] == "ok"
    for column in ("variance", "peak_bytes", "reserved_bytes", "draw_path"):
        assert after[column] == alone[column]
