import numpy as np
import pytest

from layerscope.core import atlas


def test_each_tile_uses_its_own_range():
    maps = np.array([[[0, 1]], [[-10, 10]]], np.float32)

    pixels = atlas.tiles(maps, [0, -10], [1, 10])

    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[[0, 255]], [[0, 255]]]


def test_values_outside_the_range_are_clipped():
    maps = np.array([[[-5, 0.5, 5]]], np.float32)

    assert atlas.tiles(maps, 0, 1).tolist() == [[[0, 127, 255]]]


def test_nan_and_infinities_are_drawn():
    maps = np.array([[[np.nan, -np.inf, np.inf]]], np.float32)

    assert atlas.tiles(maps, 0, 1).tolist() == [[[0, 0, 255]]]


def test_a_constant_map_is_black():
    assert not atlas.tiles(np.full((1, 2, 2), 7, np.float32), 7, 7).any()


def test_boost_lifts_dark_values_and_keeps_the_ends():
    maps = np.array([[[0, 0.25, 1]]], np.float32)

    plain, lifted = atlas.tiles(maps, 0, 1), atlas.tiles(maps, 0, 1, boost=0.5)

    assert lifted[0, 0, 1] == pytest.approx(127, abs=2)
    assert plain[0, 0, 1] < lifted[0, 0, 1]
    assert lifted[0, 0, [0, 2]].tolist() == [0, 255]


def test_many_maps_are_drawn_like_one():
    maps = np.random.default_rng(0).random((50, 60, 70), dtype=np.float32)

    together = atlas.tiles(maps, 0, 1)

    for i in (0, 20, 49):
        np.testing.assert_array_equal(
            together[i], atlas.tiles(maps[i : i + 1], 0, 1)[0]
        )


@pytest.mark.parametrize("shape", [(3, 1000, 20), (4096, 64, 64), (9000, 1, 1)])
def test_thinned_maps_fit_a_wall(shape):
    maps = np.zeros(shape, np.uint8)

    shown = atlas.thin_out(maps)

    assert shown.size <= atlas.MAX_WALL_PIXELS
    assert len(shown) <= atlas.MAX_TILES
    assert max(shown.shape[1:]) <= atlas.MAX_TILE_SIDE
    assert np.shares_memory(shown, maps)
