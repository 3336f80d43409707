"""The kind of processor that measures: its arithmetic rounds in its own way."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

ANY_OF = " | "  # between the kinds of a cluster's machines


def processor() -> str:
    """The model of the CPU, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def kinds_of(devices: Iterable[str]) -> dict[str, str]:
    """The kind of processor behind each device of this machine: the CPU, and with it the GPU where there is one."""
    return {device: kind_of(device) for device in devices}


def kind_of(device: str) -> str:
    """The CPU makes the data and the truths of every device."""
    from estibench.measure.device import name_of

    return ", ".join(filter(None, (processor(), name_of(device))))
