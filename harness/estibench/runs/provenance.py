"""What a run must say about itself to be reproduced: suite, machine, versions, commit, threads, seeds."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from estibench.host import Host
from estibench.keys.installed import Installed
from estibench.keys.machine import processor
from estibench.results.run_directory import FORMAT
from estibench.suite import Plan


def describe_run(plan: Plan, host: Host) -> dict[str, Any]:
    """The content of `run.json`."""
    return {
        "format": FORMAT,
        "suite": plan.name,
        "title": plan.title,
        "description": plan.description,
        "suite_file": str(plan.path),
        "suite_text": plan.text,
        "settings": asdict(plan.settings),
        "devices_auto": plan.devices_auto,
        "scaling": list(plan.scaling),
        "break_even": list(plan.break_even),
        "tables": list(plan.tables),
        "plots": list(plan.plots),
        "budgets": dict(plan.budgets),
        "cells": plan.cells,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "process": os.getpid(),
        "commit": _commit(Path(__file__).parent),
        "machine": describe_machine(),
        "plugins": [asdict(plugin) for plugin in host.plugins],
        "distributions": Installed().versions(),
    }


def describe_machine() -> dict[str, Any]:
    """Processor, memory, operating system, Python and accelerators."""
    import psutil
    import torch

    from estibench.measure.device import accelerators

    return {
        "processor": processor(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "accelerators": accelerators(),
    }


def _commit(folder: Path) -> str | None:
    """The commit of the checkout that runs, with `+changes` when the tree is not clean; None outside one."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        head = git("rev-parse", "HEAD")
        return head + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
