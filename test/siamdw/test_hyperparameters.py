"""Hyper-parameters: the published numbers, choice by name, and what is refused."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamdw_ros.siamdw.hyperparameters import (
    PRESETS,
    SiamFCHyper,
    SiamRPNHyper,
    hyperparameters,
)

# step, rate, penalty, window, instance size
TUNED_SIAMFC = {
    "res22_otb2013": (1.0482, 0.3629, 0.9997, 0.3896, 255),
    "res22_otb2015": (1.1897, 0.2226, 0.9370, 0.2897, 255),
    "res22_vot2017": (1.1466, 0.2061, 0.9994, 0.3242, 255),
    "incep22_otb2013": (1.1767, 0.2702, 0.9370, 0.2376, 263),
    "incep22_vot2016": (1.1859, 0.5921, 0.9359, 0.2616, 255),
    "next22_vot2015": (1.1849, 0.3373, 0.9417, 0.2518, 263),
    "next22_vot2017": (1.1531, 0.5706, 0.9489, 0.2581, 255),
    "res22w_got10ktest": (1.199, 0.454, 0.963, 0.279, 255),
    "res22w_vot2018": (1.0085, 0.2294, 0.9686, 0.1817, 255),
}
# penalty_k, rate, window, instance size, instance size of small targets
TUNED_SIAMRPN = {
    "rpn_res22_otb2013": (0.256, 0.439, 0.074, 255, 255),
    "rpn_res22_otb2015": (0.841, 0.714, 0.390, 255, 255),
    "rpn_res22_vot2017": (0.038, 0.388, 0.347, 271, 287),
}
RANGES = [
    (SiamFCHyper, "scale_step", 1.0, 2.0),
    (SiamFCHyper, "scale_penalty", 0.0, 1.0),
    (SiamFCHyper, "scale_rate", 0.0, 1.0),
    (SiamFCHyper, "window_influence", 0.0, 1.0),
    (SiamRPNHyper, "penalty_k", 0.0, 2.0),
    (SiamRPNHyper, "window_influence", 0.0, 1.0),
    (SiamRPNHyper, "rate", 0.0, 1.0),
    (SiamRPNHyper, "small_area", 0.0, 1.0),
]


def test_published_defaults_are_those_of_the_release():
    assert dataclasses.astuple(hyperparameters("siamfc_next22", "published")) == (
        *(3, 1.0375, 0.9745, 0.59, 0.35, 255, 16, False, 0.0, 0.1, 0, 0.0, 1.0),
    )
    assert dataclasses.astuple(hyperparameters("siamrpn_res22", "published")) == (
        *(0.055, 0.42, 0.295, 255, 255, 0.004),
    )


@pytest.mark.parametrize("preset", TUNED_SIAMFC)
def test_tuned_siamfc_preset_has_the_published_numbers(preset):
    hyper = hyperparameters("siamfc_res22", preset)
    step, rate, penalty, window, instance = TUNED_SIAMFC[preset]
    assert (hyper.scale_step, hyper.scale_rate, hyper.scale_penalty) == (step, rate, penalty)
    assert (hyper.window_influence, hyper.instance_size) == (window, instance)
    assert hyper.exemplar_size == instance - 128


@pytest.mark.parametrize("preset", TUNED_SIAMRPN)
def test_tuned_siamrpn_preset_has_the_published_numbers(preset):
    hyper = hyperparameters("siamrpn_res22", preset)
    numbers = (hyper.penalty_k, hyper.rate, hyper.window_influence)
    assert (*numbers, hyper.instance_size, hyper.small_instance_size) == TUNED_SIAMRPN[preset]
    assert (hyper.small_area, hyper.exemplar_size) == (0.004, 127)


def test_every_published_table_has_its_presets():
    tables = {"res22": 5, "incep22": 5, "next22": 5, "res22w": 9, "rpn_res22": 5}
    found = [name.rpartition("_")[0] for name in PRESETS]
    assert {table: found.count(table) for table in tables} == tables
    assert len(PRESETS) == sum(tables.values())


def test_single_numbers_override_a_preset():
    hyper = hyperparameters("siamfc_res22", "res22_otb2013", window_influence=0.1, scales=5)
    assert (hyper.window_influence, hyper.scales, hyper.scale_step) == (0.1, 5, 1.0482)
    assert PRESETS["res22_otb2013"].window_influence == 0.3896


@pytest.mark.parametrize(
    ("network", "preset", "overrides", "problem"),
    [
        ("siamfc_res22", "res22_otb1999", {}, "unknown preset 'res22_otb1999': choose one of pub"),
        ("siamrpn_res22", "res22_otb2013", {}, "of another method"),
        ("siamfc_res22", "rpn_res22_otb2013", {}, "of another method"),
        (
            "siamfc_res22",
            None,
            {"penalty_k": 0.1},
            "no hyper-parameter penalty_k .only siamrpn_. and siambox_. have it.: it has",
        ),
        ("siamfc_res22", None, {"scales": 4}, "scales must be odd"),
        ("siamfc_res22", None, {"instance_size": 255.5}, "must be a whole number"),
        ("siamfc_res22", None, {"instance_size": 230}, r"must lie in \[231, 511\], not 230"),
        ("siamrpn_res22", None, {"instance_size": 263}, "127 plus a multiple of 16"),
        ("siamrpn_res22", None, {"small_instance_size": 1007}, r"must lie in \[191, 511\]"),
    ],
)
def test_unusable_choice_is_refused_with_a_reason(network, preset, overrides, problem):
    with pytest.raises(ValueError, match=problem):
        hyperparameters(network, preset, **overrides)


@pytest.mark.parametrize(("kind", "field", "low", "high"), RANGES)
@given(data=st.data())
def test_number_is_taken_exactly_inside_its_range(kind, field, low, high, data):
    value = data.draw(st.floats(low - 3, high + 3) | st.sampled_from([low, high]))
    if low <= value <= high:
        assert getattr(kind(**{field: value}), field) == value
    else:
        with pytest.raises(ValueError, match=f"{field} must lie in"):
            kind(**{field: value})


@pytest.mark.parametrize(("kind", "field"), [row[:2] for row in RANGES])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_number_that_is_none_is_refused(kind, field, value):
    with pytest.raises(ValueError, match=f"{field} must lie in"):
        kind(**{field: value})
