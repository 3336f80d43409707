"""Types of parameters that several peers share."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

Times = Annotated[int, Ge(2)]
"""How many points of time a solver is asked for, both ends included."""
