"""Annotations for parameters with a range; a suite that leaves the range is told so, with its line."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt

PositiveInt = Annotated[int, Ge(1)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
