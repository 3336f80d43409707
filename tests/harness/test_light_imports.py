"""`bench --help` and `bench list` must not pay for torch. Checked by what is imported, not by a stopwatch."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import estibench

HEAVY = {"torch", "numpy", "pandas", "matplotlib", "seaborn", "scipy", "pydantic", "rich", "sklearn", "pyarrow"}
PROBE = """
import json, sys
sys.argv = ["bench", *sys.argv[1:]]
from estibench.__main__ import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list"], ["plugins"], ["run", "--help"], ["plot", "--help"], ["compare", "--help"], ["--version"]],
)
def test_no_heavy_module(arguments):
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "estibench_trace" in loaded, "plugins are loaded"
    assert loaded & HEAVY == set()


def test_the_public_names_are_the_ones_that_type_checkers_see():
    tree = ast.parse(Path(estibench.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert typed == estibench._MODULE_OF
    assert all(getattr(estibench, name) is not None for name in estibench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = estibench.Nothing
