import numpy as np
import pytest

from layerscope.core.preprocessing import (
    Placement,
    Preprocessing,
    parse_numbers,
    paste,
    with_settings,
)


def ramp(height, width):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(
        np.uint8
    )


def test_imagenet_values_and_layout():
    pixels = np.full((4, 6, 3), (255, 0, 128), dtype=np.uint8)
    chosen = Preprocessing(
        height=4, width=6, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    values = chosen.apply(pixels, np.float32)
    assert values.shape == (1, 3, 4, 6)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(values[0, :, 2, 3], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("value_range", "expected"),
    [("0..1", (0, 1)), ("0..255", (0, 255)), ("-1..1", (-1, 1))],
)
def test_ranges_reach_their_ends(value_range, expected):
    pixels = np.zeros((1, 2, 3), dtype=np.uint8)
    pixels[0, 1] = 255
    chosen = Preprocessing(height=1, width=2, value_range=value_range)
    values = chosen.apply(pixels, np.float32)
    np.testing.assert_allclose(values[0, 0, 0], expected, atol=1e-6)


def test_mean_is_in_feeding_order_for_bgr():
    pixels = np.full((1, 1, 3), (10, 20, 30), dtype=np.uint8)
    chosen = Preprocessing(
        height=1, width=1, colours="BGR", value_range="0..255", mean=(1, 2, 3)
    )
    assert chosen.apply(pixels, np.float32).ravel().tolist() == [29, 18, 7]


def test_nhwc_bytes_pass_unchanged():
    pixels = ramp(5, 7)
    chosen = Preprocessing(height=5, width=7, layout="NHWC", value_range="0..255")
    values = chosen.apply(pixels, np.uint8)
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values[0], pixels)


def test_luma_weighs_the_colours():
    pixels = np.full((1, 1, 3), (100, 200, 50), dtype=np.uint8)
    chosen = Preprocessing(height=1, width=1, colours="luma", value_range="0..255")
    value = chosen.apply(pixels, np.float32).item()
    assert value == pytest.approx(0.299 * 100 + 0.587 * 200 + 0.114 * 50, rel=1e-5)


@pytest.mark.parametrize("paper", [255, 0])
def test_light_on_dark_inverts_only_light_paper(paper):
    pixels = np.full((8, 8, 3), paper, dtype=np.uint8)
    pixels[3:5, 3:5] = 255 - paper
    chosen = Preprocessing(
        height=8,
        width=8,
        colours="grey",
        value_range="0..255",
        polarity="light on dark",
    )
    values = chosen.apply(pixels, np.float32)[0, 0]
    assert values[0, 0] == pytest.approx(0, abs=1e-3)
    assert values[4, 4] == pytest.approx(255, abs=1e-3)


@pytest.mark.parametrize("colours", ["RGB", "BGR"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_restore_undoes_apply(colours, layout):
    pixels = ramp(9, 11)
    chosen = Preprocessing(
        height=9,
        width=11,
        colours=colours,
        layout=layout,
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.3, 0.4),
    )
    np.testing.assert_array_equal(
        chosen.restore(chosen.apply(pixels, np.float32)), pixels
    )


def test_crop_keeps_the_middle_and_the_aspect_ratio():
    chosen = Preprocessing(height=224, width=224, resize="crop", crop_share=0.875)
    placement = chosen.place(400, 600)
    x0, y0, x1, y1 = placement.source
    assert x1 - x0 == pytest.approx(350)
    assert y1 - y0 == pytest.approx(350)
    assert (x0 + x1, y0 + y1) == pytest.approx((600, 400))


@pytest.mark.parametrize("resize", ["crop", "stretch", "letterbox"])
@pytest.mark.parametrize("picture", [(1, 1), (1, 20_000), (20_000, 1), (333, 77)])
def test_any_shape_lands_inside(resize, picture):
    placement = Preprocessing(height=64, width=96, resize=resize).place(*picture)
    x0, y0, x1, y1 = placement.source
    assert 0 <= x0 < x1 <= picture[1] + 1e-6
    assert 0 <= y0 < y1 <= picture[0] + 1e-6
    assert 1 <= placement.inner_width <= 96 - placement.left
    assert 1 <= placement.inner_height <= 64 - placement.top


@pytest.mark.parametrize("resize", ["crop", "stretch", "letterbox"])
def test_boxes_come_back_where_they_were(resize):
    height, width = 300, 500
    placement = Preprocessing(height=128, width=160, resize=resize).place(height, width)
    x0, y0, x1, y1 = placement.source
    inner = np.array(
        [
            [
                placement.left,
                placement.top,
                placement.left + placement.inner_width,
                placement.top + placement.inner_height,
            ]
        ]
    )
    mapped = placement.to_picture(inner, (height, width))[0]
    expected = [x0 / width, y0 / height, x1 / width, y1 / height]
    np.testing.assert_allclose(mapped, expected, atol=1e-5)


def test_letterbox_pads_with_grey():
    placement = Preprocessing(height=10, width=10, resize="letterbox").place(10, 20)
    inner = np.zeros((placement.inner_height, placement.inner_width, 3), np.uint8)
    canvas = paste(inner, placement)
    assert canvas.shape == (10, 10, 3)
    assert canvas[0, 0].tolist() == [114, 114, 114]
    assert canvas[5, 5].tolist() == [0, 0, 0]


def test_settings_change_the_guess_and_nonsense_is_ignored():
    guess = Preprocessing()
    changed = with_settings(
        guess,
        {
            "colours": "BGR",
            "range": "0..255",
            "mean": "104, 117 123",
            "std": "2",
            "size": "32 48",
            "resize": "letterbox",
        },
    )
    assert changed.colours == "BGR"
    assert changed.mean == (104, 117, 123)
    assert changed.std == (2, 2, 2)
    assert (changed.height, changed.width) == (32, 48)
    nonsense = {"colours": "CMYK", "mean": "a b c", "std": "0 1 1", "size": "-1 5"}
    assert with_settings(guess, nonsense) == guess


@pytest.mark.parametrize("text", ["", "1 2", "1 2 nan", "x"])
def test_numbers_that_are_none(text):
    assert parse_numbers(text, 3) is None


def test_placement_clips_boxes_to_the_picture():
    placement = Placement(
        source=(0, 0, 10, 10),
        left=0,
        top=0,
        inner_width=10,
        inner_height=10,
        width=10,
        height=10,
    )
    mapped = placement.to_picture(np.array([[-5.0, 2, 50, 20]]), (10, 10))
    np.testing.assert_allclose(mapped, [[0, 0.2, 1, 1]], atol=1e-6)
