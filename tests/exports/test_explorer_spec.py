"""The chart's specification, which a run does not validate: that takes longer than making it."""

import altair
import jsonschema
import pytest

from estibench.exports.canvas import Look
from estibench.exports.explorer import _spec


@pytest.fixture(scope="module")
def spec():
    looks = {"exact": Look("#000000", "o"), "hutchinson": Look("#1f77b4", "s")}
    return _spec([*looks], looks, "trace", "mse", "time")


def test_it_is_valid_vega_lite(spec):
    altair.LayerChart.from_dict(spec)


def test_one_that_is_not_would_be_found(spec):
    wrong = spec | {"layer": [spec["layer"][0] | {"mark": "no such mark"}]}
    with pytest.raises(jsonschema.ValidationError):
        altair.LayerChart.from_dict(wrong)
