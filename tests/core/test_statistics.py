import numpy as np
import pytest

from layerscope.core import statistics


def test_moments_agree_with_numpy():
    values = np.random.default_rng(0).standard_normal((4, 300)).astype(np.float32)

    moments, rows = statistics.measure_rows(values)

    assert moments.mean == pytest.approx(values.mean(), abs=1e-6)
    assert moments.std == pytest.approx(values.std(), rel=1e-5)
    assert moments.minimum == values.min()
    assert moments.maximum == values.max()
    np.testing.assert_allclose(rows.low, values.min(axis=1))
    np.testing.assert_allclose(rows.high, values.max(axis=1))
    np.testing.assert_allclose(
        rows.strength, np.sqrt(np.square(values).mean(axis=1)), rtol=1e-5
    )


def test_a_small_spread_around_a_large_mean_is_kept():
    values = 1000 + np.random.default_rng(0).standard_normal(5000).astype(np.float32)

    assert statistics.measure(values).std == pytest.approx(1.0, rel=0.05)


def test_nonfinite_elements_are_counted_and_left_out():
    values = np.array([[np.nan, 1, 3], [np.inf, -np.inf, np.nan]], np.float32)
    none = np.full((2, 3), np.nan, np.float32)

    moments, rows = statistics.measure_rows(values)

    assert moments.n_nonfinite == 4
    assert (moments.minimum, moments.maximum, moments.mean) == (1, 3, 2)
    assert set(moments.flags) == {"nan", "inf"}
    assert (rows.low.tolist(), rows.high.tolist()) == ([1, 1], [3, 3])
    assert statistics.measure(none).minimum == 0


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        (np.zeros(10), "dead"),
        (np.full(10, 1e5), "exploding"),
        (np.r_[np.full(90, 1.0), np.full(5, -1.0), np.zeros(5)], "saturated"),
        (np.r_[np.full(90, 6.0), np.zeros(10)], "saturated"),
    ],
)
def test_health_flags(values, flag):
    assert flag in statistics.measure(values.astype(np.float32)).flags


def test_a_relu_with_many_zeros_is_healthy():
    values = np.maximum(np.random.default_rng(0).standard_normal(1000) - 1, 0)

    moments = statistics.measure(values.astype(np.float32))

    assert moments.flags == ()
    assert moments.active == pytest.approx(np.count_nonzero(values) / 1000)


def test_histogram_counts_every_element_of_a_small_tensor():
    values = np.array([0, 0, 0, 1], np.float32)

    counts = statistics.measure(values, histogram=True).counts

    assert len(counts) == statistics.N_BINS
    assert (counts[0], counts[-1], sum(counts)) == (3, 1, 4)


def test_histogram_of_a_large_tensor_comes_from_a_sample():
    values = np.zeros(10 * statistics.SAMPLE, np.float32)
    values[::2] = 1

    counts = statistics.measure(values, histogram=True).counts

    assert 0 < sum(counts) <= statistics.SAMPLE


@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "int8", "uint8", "int64", "bool"]
)
def test_other_types(dtype):
    values = np.array([0, 1, 1, 0]).astype(dtype)

    moments = statistics.measure(values)

    assert (moments.minimum, moments.maximum, moments.mean) == (0, 1, 0.5)


def test_nothing():
    assert statistics.measure(np.zeros((0, 3), np.float32)) == statistics.Moments()
