"""The conformance kit, on all that the plugin registers."""

from estibench.testing import Effort, parametrize_with_checks


@parametrize_with_checks(["unit_vector", "ralston", "two_wells"], effort=Effort(draws=128, seconds=0.2))
def test_conforms(check):
    check()
