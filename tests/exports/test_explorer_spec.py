"""The chart's specification, which nobody validates in a run."""

import json
import re

import altair
import jsonschema
import pytest

from estibench.exports.canvas import Look
from estibench.exports.explorer import _spec
from estibench.exports.scripts import SPEC


@pytest.fixture(scope="module")
def spec():
    looks = {"exact": Look("#000000", "o"), "hutchinson": Look("#1f77b4", "s")}
    return _spec([*looks], looks, "trace", "mse", "time")


def test_it_is_valid_vega_lite(spec):
    altair.LayerChart.from_dict(spec)


def test_every_blank_is_filled_in(spec):
    blanks = set(re.findall(r'"\{\w+\}"', SPEC.read_text(encoding="utf-8")))
    assert blanks
    assert not any(blank in json.dumps(spec) for blank in blanks)


def test_one_that_is_not_would_be_found(spec):
    wrong = spec | {"layer": [spec["layer"][1] | {"mark": "no such mark"}]}
    with pytest.raises(jsonschema.ValidationError):
        altair.LayerChart.from_dict(wrong)
