"""The same on a card; left out where there is none, since nothing else can prove it."""

import numpy as np
import pytest
from tests.engine.runtime.running_models import image_feeds, raw_run, read

from layerscope.engine.runtime import devices
from layerscope.engine.runtime.cancelling import NeverCancelled
from layerscope.engine.runtime.running import RunningModel, TapRequest

pytestmark = pytest.mark.gpu
never = NeverCancelled()


@pytest.mark.parametrize("precision", ["", "fp16"])
def test_a_model_runs_and_is_watched_on_the_card(tiny_models, precision):
    path = tiny_models / "conv.onnx"
    model, described = read(path)
    running = RunningModel(model, described, devices.choose("cuda"), precision)
    running.load()
    feeds = image_feeds()
    (raw,) = raw_run(str(path), feeds)

    outputs, _ = running.run_fast(feeds, never)
    live, tensors, _ = running.run_live(
        feeds, [TapRequest(t, "thumb") for t in running.tap_points()], never
    )

    assert running.provider == "CUDAExecutionProvider"
    assert running.precision == (precision or "fp32")
    np.testing.assert_allclose(outputs["scores"], raw, rtol=0.05, atol=0.05)
    np.testing.assert_allclose(live["scores"], raw, rtol=0.05, atol=0.05)
    assert set(tensors) == set(running.tap_points())
