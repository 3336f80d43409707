"""Writes down what the machine is: `machine.py FILE`. Processor, accelerator, driver, versions."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from estibench.runs.provenance import describe_machine


def main(path: Path) -> int:
    found: dict[str, Any] = {"machine": describe_machine(), "commit": _said("git", "rev-parse", "HEAD")}
    found["packages"] = sorted({f"{one.name}=={one.version}" for one in importlib.metadata.distributions()})
    found["device"] = os.environ.get("ESTIBENCH_DEVICE")
    found["nvidia-smi"] = _said("nvidia-smi")
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found["properties"] = {name: str(getattr(properties, name)) for name in dir(properties) if name[0] != "_"}
        found["cuda"] = torch.version.cuda
    text = json.dumps(found, indent=2, default=str)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


def _said(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
