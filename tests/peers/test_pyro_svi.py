"""Pyro: the loss whose gradient is that of E f, by samples and by enumeration."""

from __future__ import annotations

import pytest

pytest.importorskip("pyro", reason="no module pyro: make peers")


def test_enumeration_is_exact_for_several_latents_and_data(assert_exact):
    assert_exact("pyro_traceenum_elbo")


@pytest.mark.parametrize("name", ["pyro_trace_elbo", "pyro_tracegraph_elbo"])
def test_samples_are_right_for_several_latents_and_data(name, assert_right):
    assert_right(name, draws=100)
