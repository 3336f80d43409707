"""The keys of a suite file, with their types, defaults and limits. Components are checked in `read`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Dtype = Literal["float64", "float32", "tf32", "bfloat16", "float16"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Draws(_Strict):
    """How many draws a cell gets: at least `min`, then until the precision is reached or `max`."""

    min: Annotated[int, Field(ge=2)] = 128
    max: Annotated[int, Field(ge=2, le=10_000_000)] = 4096


class Timing(_Strict):
    """Paired timing: `rounds` epochs of every estimator of a block, interleaved; an accelerator's L2 warm or cold."""

    rounds: Annotated[int, Field(ge=0, le=10_000)] = 11
    cache: Literal["warm", "cold"] = "warm"


class Scaling(_Strict):
    """A fit y ~ x^k over the rows that differ only in x. Both are columns of the table."""

    y: str
    x: str = "problem_dim"


class BreakEven(_Strict):
    """Where curves of y against x cross: those of two estimators, or all pairs. x and y are columns of the table."""

    y: str
    x: str = "problem_dim"
    between: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None


Budget = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Budgets(_Strict):
    """Budgets at which averages are compared where a bias shows: in the task's work, and in seconds."""

    work: list[Budget] = []
    time: list[Budget] = []


class Table(_Strict):
    """A pivot of one column of the results."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    value: str
    rows: str = "problem"
    columns: str = "estimator"
    title: str = ""


class Plot(_Strict):
    """A figure. `x` and `y` are columns; each kind has its own defaults.

    Which axes a kind has, and what they may be, is said in `estibench.axes`. Problems and estimators are given by their
    name, their label, or by a mapping of the name and some parameters, as in `expect`; without them all are drawn.
    """

    kind: Literal["error_cost", "scaling", "bias_variance", "ranks", "curves", "regime", "verdicts", "race", "parts"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    x: str | None = None
    y: str | None = None
    problems: list[str | dict[str, Any]] | None = None
    estimators: list[str | dict[str, Any]] | None = None
    title: str = ""


class Expect(_Strict):
    """Cells that are expected not to be measured, how they end, and why. What selects them is like `baseline`.

    A problem or an estimator is given by its name, or by a mapping of the name and some parameters; a list stands for
    any of its values.
    """

    status: Literal["not_finite", "failed", "timeout", "out_of_memory", "crashed", "unsupported"]
    why: Annotated[str, Field(min_length=1)]
    problem: str | dict[str, Any] | None = None
    estimator: str | dict[str, Any] | None = None
    dtype: str | None = None


class SuiteFile(_Strict):
    """A suite file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    title: str = ""
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    precision: Annotated[float, Field(gt=0, lt=1)] = 0.05
    confidence: Annotated[float, Field(ge=0.5, le=0.9999)] = 0.95
    draws: Draws = Draws()
    time_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    problem_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    memory_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    keep_draws: Annotated[float, Field(ge=0, le=4096)] = 16.0
    timing: Timing = Timing()
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    devices: str | list[str] = ["cpu"]
    dtypes: list[Dtype] = ["float32"]
    compile: list[Literal["off", "default", "reduce-overhead"]] = ["off"]
    baseline: str | dict[str, Any] | None = None
    problems: Annotated[list[Any], Field(min_length=1)]
    estimators: Annotated[list[Any], Field(min_length=1)]
    expect: list[Expect] = []
    scaling: list[Scaling] = []
    break_even: list[BreakEven] = []
    budgets: Budgets = Budgets()
    tables: list[Table] = []
    plots: list[Plot] = []
