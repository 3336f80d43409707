"""The names of devices: the processor's, and those of accelerators as torch says them."""

from __future__ import annotations

import re

KINDS = ("cuda", "mps", "xpu")  # accepted everywhere; of others, the one that this machine has
EXPECTED = "cpu, cuda, mps or xpu, and cuda:N for one of several"
NAME = re.compile(r"^([a-z]+)(:\d{1,3})?$")


def accelerator() -> str | None:
    """The kind of this machine's accelerator, `"cuda"`, `"mps"`, `"xpu"`, …, or None."""
    import torch  # planning a suite for named devices does without

    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return None if found is None else found.type


def is_device(name: str) -> bool:
    """Whether a suite may name it, be it there or not."""
    found = NAME.match(name)
    if found is None or name == "cpu":
        return name == "cpu"
    return found[1] in KINDS or (found[1] != "cpu" and found[1] == accelerator())


def automatic() -> tuple[str, str]:
    """What `auto` is: the processor and this machine's accelerator, or cuda, whose rows then say that there is none."""
    return "cpu", accelerator() or "cuda"
