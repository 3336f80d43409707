"""What a first assessment loads: not torch's compiler (where torch itself does not), nor what only pictures need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys, torch, estibench
found = estibench.assess("divergence", field=torch.nn.Linear(3, 3), points=torch.ones(2, 3), seconds=3600,
                         estimators=["exact", "hutchinson"], directory=sys.argv[1])
print(found)
assert set(found.frame["status"]) == {"ok"}
print("HEAVY", [name for name in ("torch._dynamo", "matplotlib", "seaborn", "jinja2") if name in sys.modules])
"""


def test_an_answer_in_a_terminal_loads_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "run")], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"
