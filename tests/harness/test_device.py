"""What is asked of a device: which there are, warm-up, clock, memory, and that a cell that fills it costs no other.

The device is pretended, and so is what torch says of it.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from estibench import host as plugin_host
from estibench.errors import UserError
from estibench.host.components import make
from estibench.measure import measure_block
from estibench.measure.clock import bound_by, elapsed, flusher, kernel_seconds
from estibench.measure.device import (
    PRODUCTS,
    accelerators,
    name_of,
    products,
    synchronise,
    warm_up,
    why_missing,
    why_unavailable,
)
from estibench.measure.memory import Peak, peak_of, release
from estibench.suite import Block, Settings, read_suite
from estibench.testing.pretend import DEVICE, pretended

PLUGIN = Path(__file__).parent / "plugins" / "on_device.py"
SUITE = """
name: small
problems: [{name: constant}]
estimators: [{name: additive}]
"""
SECONDS = 0.25  # that the pretended events are apart


class Accelerator:
    """What torch.accelerator and the device's own module answer, and what they were asked."""

    def __init__(self, kind, count):
        self.kind, self.count, self.asked = kind, count, []
        self.allocated, self.reserved = 100, 1000
        self.l2, self.has_tf32 = 1 << 10, True

    def is_available(self):
        return self.kind is not None

    def current_accelerator(self):
        return None if self.kind is None else SimpleNamespace(type=self.kind)

    def device_count(self):
        return self.count

    def synchronize(self, device):
        self.asked.append("synchronize")

    def is_initialized(self):
        return False

    def is_tf32_supported(self):
        return self.has_tf32

    def get_device_properties(self, index):
        return SimpleNamespace(L2_cache_size=self.l2)

    def get_device_name(self, index):
        return f"{self.kind} number {index}"

    def empty_cache(self):
        self.asked.append("empty_cache")

    def reset_peak_memory_stats(self):
        self.asked.append("reset_peak_memory_stats")

    def memory_allocated(self):
        return self.allocated

    def memory_reserved(self):
        return self.reserved

    def max_memory_allocated(self):
        return self.allocated + 24

    def max_memory_reserved(self):
        return self.reserved + 512


def event_of(accelerator):
    """A class in the place of `torch.Event`."""

    class Event:
        def __init__(self, device, enable_timing):
            assert (str(device), enable_timing) == (DEVICE, True)

        def record(self):
            accelerator.asked.append("record")

        def synchronize(self):
            accelerator.asked.append("wait")

        def elapsed_time(self, end):
            return SECONDS * 1e3

    return Event


@pytest.fixture
def machine(monkeypatch):
    """`machine("xpu", 2)`: torch says that this machine has two of them."""

    of_torch = torch.get_device_module

    def has(kind, count=1):
        found = Accelerator(kind, count)
        for name in ("is_available", "current_accelerator", "device_count", "synchronize"):
            monkeypatch.setattr(torch.accelerator, name, getattr(found, name))
        monkeypatch.setattr(torch, "get_device_module", lambda name: found if name == kind else of_torch(name))
        monkeypatch.setattr(torch, "Event", event_of(found))
        return found

    return has


@pytest.fixture
def measure():
    """`measure("there", "large", dtype="float32")`: rows by estimator on the pretended device."""
    host = plugin_host.start([str(PLUGIN)])
    sys.modules["estibench_file_plugin_on_device"].CALLS["timed"] = False

    def measure(*names, dtype="float32", rounds=0, cache="warm"):
        components = tuple(make(host, "estimator", name, {}) for name in names)
        block = Block(make(host, "problem", "constant", {"components": 2}), "synthetic", DEVICE, dtype, components, 0)
        rows = measure_block(block, Settings(max_draws=128, rounds=rounds, cache=cache))
        return dict(zip(names, rows, strict=True))

    return measure


def devices(suite_file, host, text="", device=None):
    return [block.device for block in read_suite(suite_file(SUITE + text), host, device).blocks]


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "xpu", "xpu:3"])
def test_a_device_may_be_named_where_it_is_not(machine, suite_file, host, name):
    machine(None)
    assert devices(suite_file, host, f"devices: ['{name}']\n") == [name]
    assert devices(suite_file, host, device=name) == [name]
    kind = name.partition(":")[0]
    assert why_missing(name) == f"{name}: no {kind.upper()} device on this machine"


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cpu:1", "hpu", "Cuda", "cuda:x"])
def test_other_names_are_refused(machine, suite_file, host, name):
    machine(None)
    with pytest.raises(UserError, match="expected auto, cpu, cuda, mps or xpu"):
        devices(suite_file, host, device=name)


def test_auto_is_the_processor_and_what_torch_names(machine, suite_file, host):
    for kind, expected in [("xpu", "xpu"), ("mps", "mps"), ("cuda", "cuda"), ("hpu", "hpu"), (None, "cuda")]:
        machine(kind)
        assert devices(suite_file, host, device="auto") == ["cpu", expected]


def test_the_accelerator_of_this_machine_may_be_named_whatever_it_is(machine, suite_file, host):
    machine("hpu", 2)
    assert devices(suite_file, host, device="hpu:1") == ["hpu:1"]
    assert why_missing("hpu:1") is None
    assert why_missing("hpu:2") == "hpu:2: this machine has 2 HPU device(s)"
    assert why_missing("cuda") == "cuda: no CUDA device on this machine; it has hpu"
    assert accelerators() == ["hpu number 0", "hpu number 1"]
    assert (name_of("cpu"), name_of("hpu:1"), name_of("mps")) == ("", "hpu number 1", "none")


def test_a_row_says_what_the_device_lacks(machine, measure):
    machine(DEVICE)
    with pretended(float64=False):
        assert why_unavailable(DEVICE, "float32") is None
        row = measure("there", dtype="float64")["there"]
        assert (row["status"], row["device_missing"]) == ("unsupported", False)
        assert row["reason"].startswith("meta: no float64 there: ")
        rows = measure("there", "precise")
    assert rows["there"]["status"] == "ok"
    assert rows["precise"]["status"] == "unsupported"
    assert rows["precise"]["reason"] == "needs float64, which meta has not"


def test_where_there_is_float64_an_error_that_speaks_of_it_is_an_error(machine, measure):
    machine(DEVICE)
    with pretended():
        rows = measure("there", "precise")
    assert rows["precise"]["status"] == "ok"


def test_the_truth_stays_on_the_host_and_draws_come_to_it(machine, measure):
    machine(DEVICE)
    with pretended(float64=False):
        row = measure("there")["there"]
    assert row["draws"] == 128
    assert abs(row["bias_squared"]) < 0.5  # its standard error is 0.02
    assert row["peak_bytes"] > 0


def test_a_call_that_fills_the_device_is_a_row_and_the_next_is_clean(machine, measure):
    asked = machine(DEVICE).asked
    with pretended():
        alone = measure("there")["there"]
        asked.clear()
        rows = measure("large", "there")
    assert rows["large"]["status"] == "out_of_memory"
    assert rows["large"]["reason"] == "OutOfMemoryError: tried to allocate more than there is beside 1000"
    assert "empty_cache" in asked
    for column in ("status", "bias_squared", "variance", "draws", "peak_bytes", "draw_path"):
        assert rows["there"][column] == alone[column]


def test_so_is_one_that_fills_it_while_it_is_timed(machine, measure):
    asked = machine(DEVICE).asked
    with pretended():
        rows = measure("there", "largelater", rounds=7)
    assert rows["largelater"]["status"] == "out_of_memory"
    assert rows["largelater"]["reason"].startswith("while timed: OutOfMemoryError")
    assert "empty_cache" in asked
    assert (rows["there"]["status"], rows["there"]["time"]) == ("ok", SECONDS)


def test_memory_is_read_off_the_devices_meter(machine):
    there = machine("cuda")
    found = peak_of(lambda: there.asked.append("call"), "cuda")
    assert found == Peak(24, 512)
    assert there.asked == ["synchronize", "empty_cache", "reset_peak_memory_stats", "call", "synchronize"]


def test_without_a_meter_storages_are_followed(machine, monkeypatch):
    machine("mps")
    monkeypatch.setattr(torch, "get_device_module", lambda kind: SimpleNamespace())
    assert peak_of(lambda: torch.zeros(1000), "mps") == Peak(4000)
    release("mps")  # nothing to empty is no error


def test_an_accelerators_clock_is_events_and_the_hosts_is_not(machine):
    there = machine(DEVICE)
    wall, cpu = elapsed(DEVICE, lambda: there.asked.append("call"), 3)
    assert there.asked == ["synchronize", "record", "call", "call", "call", "record", "wait"]
    assert (wall, cpu >= 0) == (SECONDS, True)
    there.asked.clear()
    elapsed("cpu", lambda: there.asked.append("call"), 2)
    synchronise("cpu")
    assert there.asked == ["call", "call"]


@pytest.mark.parametrize(("float64", "times"), [(True, 2), (False, 1)])
def test_warming_up_works_on_whatever_the_device_can(machine, float64, times):
    there = machine(DEVICE)
    with pretended(float64=float64):
        warm_up("cpu")
        assert there.asked == []
        warm_up(DEVICE)
    assert there.asked == ["synchronize"] * times


def test_a_cold_call_finds_an_empty_cache_and_the_emptying_is_in_no_time(machine):
    there = machine(DEVICE)
    times = elapsed(DEVICE, lambda: there.asked.append("call"), 2, lambda: there.asked.append("flush"))
    assert there.asked == ["flush", "synchronize", "record", "call", "record", "wait"] * 2
    assert times[0] == 2 * SECONDS


def test_what_is_written_is_larger_than_the_cache(machine):
    there = machine(DEVICE)
    with pretended():
        assert flusher(DEVICE)().numel() > there.l2
    there.l2 = 0
    assert flusher(DEVICE) is None  # torch does not say
    assert flusher("cpu") is None


@pytest.mark.parametrize(("asked", "l2", "said"), [("warm", 64, "warm"), ("cold", 64, "cold"), ("cold", 0, "warm")])
def test_a_row_says_what_state_the_cache_was_in(machine, measure, asked, l2, said):
    machine(DEVICE).l2 = l2
    with pretended():
        assert measure("there", rounds=1, cache=asked)["there"]["time_cache"] == said


class Profiler:
    """In the place of `torch.profiler.profile`: what it will have seen, in microseconds."""

    def __init__(self, *spans):
        self.spans = spans

    def __call__(self, activities):
        assert activities == [torch.profiler.ProfilerActivity.CUDA]
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def events(self):
        return [
            SimpleNamespace(
                device_type=SimpleNamespace(name=kind),
                is_user_annotation=kind == "annotation",
                time_range=SimpleNamespace(start=start, end=end),
            )
            for kind, start, end in self.spans
        ]


def test_kernels_that_run_at_once_count_once_and_the_host_not_at_all(machine, monkeypatch):
    machine("cuda")
    spans = [("CUDA", 10, 20), ("CUDA", 15, 40), ("CUDA", 18, 19), ("CUDA", 100, 101), ("CPU", 0, 1000)]
    spans += [("annotation", 0, 1000)]
    monkeypatch.setattr(torch.profiler, "supported_activities", lambda: {torch.profiler.ProfilerActivity.CUDA})
    monkeypatch.setattr(torch.profiler, "profile", Profiler(*spans))
    assert kernel_seconds("cuda", lambda: None) == pytest.approx(31e-6)
    assert kernel_seconds("mps", lambda: None) is None
    assert kernel_seconds("cpu", lambda: None) is None


@pytest.mark.parametrize(
    ("kernels", "wall", "found"),
    [(0.6, 1.0, "compute"), (0.5, 1.0, "compute"), (0.4, 1.0, "launch"), (0.0, 1.0, "launch"), (None, 1.0, None)],
)
def test_what_bounds_a_call(kernels, wall, found):
    assert bound_by(kernels, wall) == found


def test_a_row_says_what_bounds_it(machine, measure, monkeypatch):
    machine(DEVICE)
    monkeypatch.setattr("estibench.measure.calls.kernel_seconds", lambda device, call: call() is None or SECONDS / 8)
    with pretended():
        row = measure("there", rounds=1)["there"]
    assert (row["time_kernels"], row["bound"]) == (SECONDS / 8, "launch")


def test_tf32_is_a_dtype_whose_rounding_is_seen_and_judged_as_such(machine, measure, monkeypatch):
    machine(DEVICE)
    switch = torch.backends.cuda.matmul
    monkeypatch.setitem(PRODUCTS, DEVICE, ("cuda.matmul",))
    before = switch.allow_tf32
    with pretended():
        exact, coarse = (measure("product", dtype=dtype)["product"] for dtype in ("float32", "tf32"))
        forced = measure("tf32always")["tf32always"]
    assert switch.allow_tf32 == before
    assert exact["rmse"] < 1e-6
    assert 1e-4 < coarse["rmse"] < coarse["rounding"]
    assert coarse["rounding"] == pytest.approx(2**13 * exact["rounding"])  # of 23 bits and of 10
    p_values = [row["claims"][0]["p_value"] for row in (exact, coarse, forced)]
    assert p_values == [1.0, 1.0, 0.0]


def test_where_there_is_no_tf32_its_rows_say_so(machine, measure, monkeypatch):
    machine(DEVICE).has_tf32 = False
    monkeypatch.setitem(PRODUCTS, DEVICE, ("cuda.matmul",))
    with pretended():
        row = measure("there", dtype="tf32")["there"]
    assert (row["status"], row["reason"]) == ("unsupported", "meta: no tf32 there")
    assert why_unavailable("cpu", "tf32") == "cpu: no tf32 there"


def test_float32_is_float32_whatever_was_allowed(machine):
    switches = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [one.allow_tf32 for one in switches]
    try:
        for one in switches:
            one.allow_tf32 = True
        with products("cuda", "float32"):
            assert [one.allow_tf32 for one in switches] == [False, False]
        assert [one.allow_tf32 for one in switches] == [True, True]
    finally:
        for one, allowed in zip(switches, before, strict=True):
            one.allow_tf32 = allowed
