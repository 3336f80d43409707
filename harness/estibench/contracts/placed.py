"""Objects that live on a device in a dtype: densities and problems."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

Data = TypeVar("Data", Tensor, nn.Module)
TF32 = "tf32"  # float32 whose products round their factors to 10 bits, on accelerators that do so


def torch_dtype(name: str) -> torch.dtype:
    """What tensors hold in a dtype of a suite."""
    found = getattr(torch, "float32" if name == TF32 else name)
    assert isinstance(found, torch.dtype)
    return found


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A frozen description whose data are made on demand: in float64, from `seed`, then cast.

    The same data therefore underlie every device and dtype, up to rounding. `device` and `dtype` are set by the
    harness from the suite's `devices` and `dtypes`; they are not parameters in a suite.

    Class attributes:
        examples: parameters of small instances, as a suite writes them, with which the conformance kit works.
        expected_failures: of the conformance kit, by check, each with its reason; see `estibench.testing`.
    """

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    expected_failures: ClassVar[Mapping[str, str]] = {}

    seed: int = 0
    device: str = "cpu"
    dtype: str = "float64"

    def at(self, device: str, dtype: str) -> Self:
        """The same object on another device or in another dtype (`"float32"`, `"tf32"`, …)."""
        if (device, dtype) == (self.device, self.dtype):
            return self
        return dataclasses.replace(self, device=device, dtype=dtype)

    @property
    def torch_dtype(self) -> torch.dtype:
        """`dtype` as torch's object: of what tensors hold, which for `"tf32"` is float32."""
        return torch_dtype(self.dtype)

    @property
    def eps(self) -> float:
        """Machine epsilon of the arithmetic: for `"tf32"` that of its products, 2⁻¹⁰."""
        return torch.finfo(torch.float16 if self.dtype == TF32 else self.torch_dtype).eps

    def place(self, data: Data) -> Data:
        """`data` (float64, on the CPU) on this object's device in its dtype.

        A module comes back as a copy: in evaluation mode, and with weights that require no gradient. The module that
        was given stays as it is.
        """
        if isinstance(data, nn.Module):
            data = copy.deepcopy(data).eval().requires_grad_(False)
        return data.to(device=self.device, dtype=self.torch_dtype)

    def data_generator(self) -> torch.Generator:
        """A fresh CPU generator seeded by `seed`, for making the object's data."""
        return torch.Generator().manual_seed(self.seed)

    @staticmethod
    def host_stream(generator: torch.Generator) -> torch.Generator:
        """A generator on the CPU, for what is drawn there and placed: the given one, or one seeded from it.

        Densities sample in float64 on the CPU, on whatever device the draw is.
        """
        if generator.device.type == "cpu":
            return generator
        return torch.Generator().manual_seed(
            int(torch.randint(2**62, (), generator=generator, device=generator.device))
        )
