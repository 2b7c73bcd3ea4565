"""Tests of the statistics of whole tensors."""

import numpy as np
import pytest

from layerscope.cli.arrays import statistics


def test_moments_are_of_the_finite_elements():
    found = statistics(np.array([0.0, 2.0, 4.0, np.nan, np.inf], np.float32))

    assert found.as_dict() == {
        "mean": 2.0,
        "std": pytest.approx(np.std([0, 2, 4])),
        "minimum": 0.0,
        "maximum": 4.0,
        "active": 0.8,
        "n_nonfinite": 2,
    }


def test_large_half_precision_values_do_not_overflow():
    found = statistics(np.full(1000, 60_000, np.float16))

    assert (found.mean, found.std) == (60_000, 0)


def test_nothing_but_nan_has_no_moments():
    found = statistics(np.full(4, np.nan))

    moments = (found.mean, found.std, found.minimum, found.maximum)
    assert all(np.isnan(moment) for moment in moments)
    assert found.n_nonfinite == 4


def test_an_empty_tensor_has_moments_of_zero():
    found = statistics(np.zeros((0, 3)))

    assert (found.mean, found.active, found.n_nonfinite) == (0, 0, 0)


def test_text_has_none():
    assert statistics(np.array(["a"])) is None
