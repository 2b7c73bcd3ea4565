import numpy as np

from layerscope.core.interpolation import on_sphere
from layerscope.core.mosaic import near_square, side_by_side


def test_great_circle_keeps_the_length_and_turns_evenly():
    start, end = np.float32([1, 0, 0]), np.float32([0, 1, 0])
    third = on_sphere(start, end, 1 / 3)

    np.testing.assert_allclose(third, [np.cos(np.pi / 6), np.sin(np.pi / 6), 0], 1e-6)
    np.testing.assert_array_equal(on_sphere(start, end, 0.0), start)
    np.testing.assert_allclose(on_sphere(start, end, 1.0), end, atol=1e-7)


def test_nearly_parallel_and_zero_arrays_go_straight():
    ones = np.ones(3, dtype=np.float32)

    np.testing.assert_allclose(on_sphere(ones, 3 * ones, 0.5), 2 * ones)
    np.testing.assert_array_equal(on_sphere(0 * ones, 0 * ones, 0.5), 0 * ones)


def test_mosaic_goes_row_by_row():
    pictures = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 2, 3, 3), np.uint8
    )
    whole = side_by_side(pictures, near_square(5))

    assert whole.shape == (4, 9, 3)
    assert (whole[0, 3:6] == 1).all()
    assert (whole[3, 3:6] == 4).all()
    assert (whole[2:, 6:] == 128).all()
