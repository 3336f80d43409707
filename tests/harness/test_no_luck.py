"""No test depends on luck: what would bring it in is found in the tests' sources, and examples are always the same."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
GENEROUS = 600  # seconds: a limit that only ends what hangs
CLOCKS = {f"time.{name}" for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time")}
GLOBAL = {"random", "randint", "uniform", "gauss", "choice", "shuffle", "sample", "standard_normal", "normal", "rand"}
GLOBAL |= {"randn", "randperm", "permutation", "integers"}
PORT = re.compile(r"(127\.0\.0\.1|localhost):[1-9]")
PURPOSE = "faulty on purpose"
ALLOWED = {  # file and call → why
    ("conftest.py", "time.monotonic"): "the limit after which waiting is given up",
    ("fuzz.py", "time.monotonic"): "explores for as long as it is told",
    ("fuzz.py", "time.time"): "the seed, where none is told; it is printed",
    ("engines/plugins/leap.py", "time.monotonic"): "the clock that is turned by hand",
    ("engines/plugins/problems.py", "time.sleep"): "gives a mistake time to happen; without it the test passes as well",
    ("engines/plugins/faults.py", "torch.randn"): PURPOSE,
    ("engines/plugins/faults.py", "np.random.standard_normal"): PURPOSE,
    ("testing/zoo.py", "torch.randn"): PURPOSE,
    ("testing/zoo.py", "np.random.standard_normal"): PURPOSE,
    ("testing/zoo.py", "random.gauss"): PURPOSE,
}

ABOUT_GLOBALS = {  # files about code that draws from global generators, under `estibench.seeded` or reseeded
    "harness/test_seeded.py",
    "peers/test_score_libraries.py",
    "score/test_neighbours.py",
    "testing/outsiders.py",
    "testing/test_asserts_calling.py",
}


def luck(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, call or text, and what to do instead."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and PORT.search(str(node.value)):
            yield node.lineno, str(node.value), "bind port 0 and ask for its number"
        if not isinstance(node, ast.Call):
            continue
        name, keywords = ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
        module, _, function = name.rpartition(".")
        limit = keywords.get("timeout")
        if function in ("sleep", "wait_for_timeout"):
            yield node.lineno, name, "wait for a condition with the fixture `until`, or hold who is waited for"
        elif name in CLOCKS:
            yield node.lineno, name, "count work, or turn a clock by hand"
        elif name.endswith(("read_bytes().splitlines", "content.splitlines")):
            yield node.lineno, name, 'only "\\n" ends a line of a file of ours: path.open("rb").readlines()'
        elif name == "np.random.default_rng" and not node.args:
            yield node.lineno, name, "give it a seed"
        elif module in ("np.random", "random") and function in GLOBAL:
            yield node.lineno, name, "use np.random.default_rng(seed) or random.Random(seed)"
        elif module == "torch" and function in GLOBAL and "generator" not in keywords:
            yield node.lineno, name, "give it a generator"
        elif module == "torch" and function.startswith("rand") and function.endswith("_like"):
            yield node.lineno, name, "it takes no generator: torch.randn(x.shape, generator=…)"
        elif "preexec_fn" in keywords:
            yield node.lineno, "preexec_fn", "it may deadlock among threads: engines/conftest.py has `before`"
        elif isinstance(limit, ast.Constant) and isinstance(limit.value, int) and limit.value < GENEROUS:
            yield node.lineno, f"timeout={limit.value}", "a busy machine takes longer: use the fixture `patience`"


def found_in(path: Path) -> list[str]:
    name = path.relative_to(TESTS).as_posix()
    found = luck(ast.parse(path.read_text(encoding="utf-8")))
    allowed = GLOBAL | {"randn_like"} if name in ABOUT_GLOBALS else set[str]()
    return [
        f"{name}:{line}: {call}: {instead}"
        for line, call, instead in found
        if (name, call) not in ALLOWED and call.rpartition(".")[2] not in allowed
    ]


def test_no_test_depends_on_luck() -> None:
    """Benchmarks, and what measures on a borrowed device, look at the clock and assert nothing about it."""
    sources = [path for path in TESTS.rglob("*.py") if path.relative_to(TESTS).parts[0] not in ("benchmarks", "cuda")]
    assert len(sources) > 100
    assert [line for path in sources for line in found_in(path)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from time import sleep; sleep(1)",
        "start = time.perf_counter()",
        "lines = path.read_bytes().splitlines()",
        "np.random.default_rng()",
        "np.random.standard_normal(3)",
        "random.random()",
        "torch.rand(2, 3, dtype=torch.float64)",
        "torch.randn_like(x)",
        "Popen(words, preexec_fn=f)",
        "process.wait(timeout=20)",
        f"serve('127.0.0.1:{8080}')",
    ],
)
def test_luck_is_seen(source: str) -> None:
    assert list(luck(ast.parse(source)))


def test_what_is_needed_for_no_luck_is_allowed() -> None:
    right = (
        "torch.randn(3, generator=g); random.Random(1).random(); np.random.default_rng(1).normal(); bind('127.0.0.1:0')"
    )
    assert list(luck(ast.parse(right))) == []


def test_examples_do_not_depend_on_which_modules_are_loaded(tmp_path: Path) -> None:
    """Hypothesis tries constants of local modules: without the line in `tests/conftest.py` the two lists differ."""

    def examples() -> list[str]:
        drawn: list[str] = []

        @settings(max_examples=200)
        @given(st.integers() | st.text())
        def collect(value: int | str) -> None:
            drawn.append(repr(value))

        collect()
        return drawn

    before = examples()
    (tmp_path / "local.py").write_text("A = [" + ", ".join(f"{7**n}, 'word {n}'" for n in range(9, 30)) + "]\n")
    spec = importlib.util.spec_from_file_location("a_local_module", tmp_path / "local.py")
    assert spec is not None
    assert spec.loader is not None
    import sys

    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        assert examples() == before
    finally:
        del sys.modules[spec.name]
