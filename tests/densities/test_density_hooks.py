"""The registration: light, complete and loadable."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from estibench import DensityEntry, LaplacianDensity
from estibench_densities.hooks import bench_densities

ENTRIES = bench_densities()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_loads_a_frozen_density(entry):
    cls = entry.load()
    assert isinstance(entry, DensityEntry)
    assert issubclass(cls, LaplacianDensity)
    assert not cls.__abstractmethods__
    assert cls.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(cls))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_docstring_gives_formulas_and_each_parameter(entry):
    cls = entry.load()
    assert "∇ log p" in cls.__doc__ or "∂" in cls.__doc__
    assert "Δ log p = " in cls.__doc__
    own = {field.name for field in dataclasses.fields(cls)}
    own -= {field.name for field in dataclasses.fields(LaplacianDensity)}
    assert all(f"        {name}: " in cls.__doc__ for name in own)


def test_names_are_sorted_and_unique():
    names = [entry.name for entry in ENTRIES]
    assert names == sorted(set(names))


def test_every_density_is_among_the_tested_cases(cases):
    assert {name for name, _ in cases} == {entry.name for entry in ENTRIES}


def test_hooks_import_neither_torch_nor_numpy():
    code = "import sys, estibench_densities.hooks as h; h.bench_densities(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "estibench_densities.hooks" in modules
    assert not {"torch", "numpy", "scipy", "sklearn"} & set(modules)
