"""Each rule is compared with what really reaches an output."""

import numpy as np
import pytest

from layerscope.core.receptive_field import (
    Span,
    pad_before,
    through_resize,
    through_transposed_window,
    through_window,
)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
def test_window(kernel, stride, pad, dilation):
    for out in range(3):
        reached = [out * stride - pad + dilation * k for k in range(kernel)]
        span = through_window(
            Span(out, out), kernel=kernel, stride=stride, pad=pad, dilation=dilation
        )
        assert span == Span(min(reached), max(reached))


def test_clipping_stays_on_the_axis():
    assert Span(-3, 5).clipped(4) == Span(0, 3)
    assert Span(-3, -1).clipped(4) == Span(0, 0)


@pytest.mark.parametrize(("kernel", "stride", "pad"), [(4, 2, 1), (3, 1, 0), (5, 3, 2)])
def test_transposed_window(kernel, stride, pad):
    reaching = {}
    for i in range(12):
        for k in range(kernel):
            reaching.setdefault(i * stride - pad + k, []).append(i)
    for out in range(4, 12):
        span = through_transposed_window(
            Span(out, out), kernel=kernel, stride=stride, pad=pad
        )
        assert span == Span(min(reaching[out]), max(reaching[out]))


def test_linear_resize_reaches_both_neighbours():
    for out in range(1, 15):
        span = through_resize(Span(out, out), before=8, after=16, reach=1).clipped(8)
        place = (out + 0.5) / 2 - 0.5
        assert span.first <= np.clip(np.floor(place), 0, 7)
        assert span.last >= np.clip(np.ceil(place), 0, 7)


def test_nearest_resize_reaches_its_pixel():
    for out in range(16):
        span = through_resize(Span(out, out), before=8, after=16, reach=0)
        assert span.first <= out // 2 <= span.last
        assert span.last - span.first <= 1


def test_automatic_padding():
    sizes = {"before": 7, "after": 4, "kernel": 4, "stride": 2}
    assert pad_before("SAME_UPPER", **sizes) == 1
    assert pad_before("SAME_LOWER", **sizes) == 2
    assert pad_before("VALID", **sizes) == 0
