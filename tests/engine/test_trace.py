import numpy as np
import pytest

from layerscope.engine.trace import Trace, axis_roles


@pytest.mark.parametrize(
    ("shape", "op", "roles"),
    [
        ((), "", ()),
        ((5,), "", ("feature",)),
        ((1, 5), "Gemm", ("batch", "feature")),
        ((1, 8, 4, 4), "Conv", ("batch", "channel", "height", "width")),
        ((1, 4, 4, 8), "Conv", ("batch", "channel", "height", "width")),
        ((1, 4, 4, 8), "", ("batch", "height", "width", "channel")),
        ((1, 2, 6, 6), "Softmax", ("batch", "head", "query", "key")),
        ((1, 6, 8), "MatMul", ("batch", "time", "feature")),
        ((6, 1, 8), "GRU", ("time", "batch", "feature")),
    ],
)
def test_axis_roles(shape, op, roles):
    assert axis_roles(shape, op) == roles


def test_a_trace_falls_back_on_the_arrays():
    trace = Trace.of({"t": np.zeros((1, 3, 4, 5))})

    assert trace.shape_of("t") == (1, 3, 4, 5)
    assert trace.roles_of("t") == ("batch", "channel", "height", "width")
