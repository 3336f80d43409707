"""reinmax: exact in the mean where the objective is quadratic in each variable."""

from __future__ import annotations

import pytest

pytest.importorskip("reinmax", reason="no module reinmax: make peers")


def test_it_is_right_for_a_quadratic_objective(assert_right):
    assert_right("microsoft_reinmax", degree=2, samples=3)
