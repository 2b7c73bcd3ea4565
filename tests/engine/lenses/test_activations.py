import numpy as np
import pytest

from layerscope.engine.lenses import LENSES
from layerscope.engine.lenses.activations import WIDE_EVERY, Activations
from layerscope.engine.trace import Trace
from layerscope.protocol.messages import Watch


def maps(n=6, h=40, w=50, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.arange(1, n + 1).reshape(1, n, 1, 1)
    return (scale * rng.standard_normal((1, n, h, w))).astype(np.float32)


def look(array, watch, name="t", lens=None, **kwargs):
    trace = Trace(step=0, tensors={name: array}, **kwargs)
    return (lens or Activations()).look(trace, watch)


def test_it_is_registered():
    assert Activations in LENSES


def test_requests_ask_for_thumbnails_and_one_whole_tensor():
    lens = Activations()
    watch = Watch(everything=True, tensors=("extra",), focus="b")

    wanted = {r.tensor: r.detail for r in lens.requests(watch, ("a", "b", "c"))}

    assert wanted == {"a": "thumb", "c": "thumb", "extra": "thumb", "b": "full"}
    assert lens.requests(Watch(), ("a",)) == []


def test_the_thumbnail_stays_on_the_channel_that_varied_most_at_first():
    lens, watch = Activations(), Watch(tensors=("t",))
    whole = maps(6)
    look(whole, watch, lens=lens)

    (request,) = lens.requests(watch, ())
    assert request.channel == 5

    flipped = whole[:, ::-1].copy()
    pictures, _ = look(flipped, watch, lens=lens)
    alone, _ = look(flipped[:, 5:6], watch)
    np.testing.assert_array_equal(pictures["thumb:t"], alone["thumb:t"])


def test_statistics_are_those_of_the_last_wide_look():
    lens, watch = Activations(), Watch(tensors=("t",))
    whole = maps(6)
    _, (wide,) = look(whole, watch, lens=lens)

    _, (narrow,) = look(whole[:, 5:6], watch, lens=lens, shapes={"t": whole.shape})

    assert narrow.statistics == wide.statistics
    assert narrow.shape == whole.shape


def test_a_layer_is_seen_widely_again_now_and_then():
    lens, watch = Activations(), Watch(tensors=("t",))
    whole, channels = maps(6), []
    for _ in range(WIDE_EVERY + 2):
        (request,) = lens.requests(watch, ())
        channels.append(request.channel)
        seen = whole if request.channel < 0 else whole[:, 5:6]
        look(seen, watch, lens=lens, shapes={"t": whole.shape})

    assert channels.count(-1) == 2


def test_thumbnails_are_at_most_32_pixels_a_side():
    pictures, (layer,) = look(maps(3, 500, 70), Watch(tensors=("t",)))

    assert pictures["thumb:t"].dtype == np.uint8
    assert max(pictures["thumb:t"].shape) <= 32
    assert layer.role == "maps"


def test_the_wall_shows_every_channel_in_its_own_range():
    whole = maps(6)

    pictures, (layer,) = look(whole, Watch(focus="t"))

    wall = pictures["wall:t"]
    assert wall.shape == (6, 40, 50)
    assert layer.channels == tuple(range(6))
    assert layer.channel_low == tuple(whole[0].min(axis=(1, 2)).tolist())
    for tile in wall:
        assert (tile.min(), tile.max()) == (0, 255)
    assert len(layer.statistics.counts) == 64
    assert "thumb:t" in pictures


def test_the_wall_can_be_sorted_by_strength():
    plain, _ = look(maps(6), Watch(focus="t"))
    pictures, (layer,) = look(maps(6), Watch(focus="t", order="strength"))

    assert layer.channels == (5, 4, 3, 2, 1, 0)
    assert list(layer.channel_high) == sorted(layer.channel_high, reverse=True)
    np.testing.assert_array_equal(pictures["wall:t"], plain["wall:t"][::-1])


def test_the_layer_scale_keeps_weak_channels_dim():
    pictures, _ = look(maps(6), Watch(focus="t", scale="layer"))

    spans = [int(tile.max()) - int(tile.min()) for tile in pictures["wall:t"]]
    assert spans[0] < 100 < spans[5]


def test_the_network_scale_is_shared_by_layers():
    weak, strong = maps(2), 100 * maps(2)
    trace = Trace(step=0, tensors={"weak": weak, "strong": strong})

    pictures, _ = Activations().look(
        trace, Watch(tensors=("strong",), focus="weak", scale="network")
    )

    assert int(np.ptp(pictures["wall:weak"])) <= 4
    assert int(np.ptp(pictures["thumb:strong"])) > 100


def test_the_unit_is_shown_in_full_with_its_own_statistics():
    whole = maps(3, 300, 400)

    pictures, (layer,) = look(whole, Watch(focus="t", unit=1))

    assert pictures["unit:t"].shape == (300, 400)
    assert layer.unit == 1
    assert layer.unit_statistics.maximum == pytest.approx(whole[0, 1].max())
    assert max(pictures["wall:t"].shape[1:]) <= 256


def test_a_unit_that_is_not_there_is_left_out():
    pictures, (layer,) = look(maps(3), Watch(focus="t", unit=3))

    assert "unit:t" not in pictures
    assert layer.unit == -1


def test_boost_lifts_the_dark():
    plain, _ = look(np.abs(maps()), Watch(focus="t"))
    lifted, _ = look(np.abs(maps()), Watch(focus="t", boost=0.5))

    assert lifted["wall:t"].mean() > plain["wall:t"].mean() + 20


@pytest.mark.parametrize(
    ("shape", "role", "wall"),
    [
        ((1, 10), "vector", (1, 1, 10)),
        ((10,), "vector", (1, 1, 10)),
        ((), "vector", (1, 1, 1)),
        ((1, 7, 12), "sequence", (1, 7, 12)),
        ((7, 12), "sequence", (1, 7, 12)),
        ((2, 4, 6, 6), "maps", (4, 6, 6)),
        ((1, 6, 6, 5), "maps", (5, 6, 6)),
        ((2, 1, 3, 4, 5), "maps", (3, 4, 5)),
    ],
)
def test_every_rank_has_a_picture(shape, role, wall):
    array = np.random.default_rng(0).random(shape, dtype=np.float32)

    pictures, (layer,) = look(np.asarray(array), Watch(focus="t", unit=0))

    assert layer.role == role
    assert pictures["wall:t"].shape == wall


def test_a_recurrent_output_runs_down_its_time():
    array = np.random.default_rng(0).random((7, 1, 12), dtype=np.float32)

    pictures, (layer,) = look(
        array, Watch(focus="t"), roles={"t": ("time", "batch", "feature")}
    )

    assert layer.role == "sequence"
    assert pictures["wall:t"].shape == (1, 7, 12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_elements_are_flagged_not_fatal(value):
    whole = maps(3)
    whole[0, 1, 5, 5] = value

    pictures, (layer,) = look(whole, Watch(focus="t", unit=1))

    assert layer.statistics.n_nonfinite == 1
    assert set(layer.statistics.flags) & {"nan", "inf"}
    assert np.isfinite(layer.channel_high).all()
    assert pictures["wall:t"][0].max() == 255


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8", "bool"])
def test_other_types_are_drawn(dtype):
    pictures, (layer,) = look((maps(2) > 0).astype(dtype), Watch(focus="t"))

    assert layer.dtype == dtype
    assert set(np.unique(pictures["wall:t"])) == {0, 255}


def test_nothing_and_text_are_passed_over():
    empty = np.zeros((1, 0, 3, 3), np.float32)
    text = np.array(["a"], dtype=object)

    assert look(empty, Watch(focus="t")) == ({}, ())
    assert look(text, Watch(focus="t")) == ({}, ())
