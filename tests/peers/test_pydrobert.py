"""pydrobert-pytorch: unbiased for several latents and data, whatever the control variate."""

from __future__ import annotations

import pytest

pytest.importorskip("pydrobert.torch", reason="no module pydrobert: make peers")


@pytest.mark.parametrize("name", ["pydrobert_reinforce", "pydrobert_rebar", "pydrobert_relax"])
def test_it_is_right_for_several_latents_and_data(name, assert_right):
    assert_right(name, samples=2)
