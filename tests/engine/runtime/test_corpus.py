"""Every foreign model that onnxruntime runs, run and looked into."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.engine.runtime.running_models import raw_run, running

from layerscope.engine.runtime.cancelling import NeverCancelled
from layerscope.engine.runtime.running import TapRequest

BESIDE = Path(__file__).resolve().parents[4] / "shared"
INDEX = Path(os.environ.get("LAYERSCOPE_CORPUS", BESIDE)) / "onnx" / "index.json"
ENTRIES = json.loads(INDEX.read_text()) if INDEX.is_file() else []
RUNS = [e for e in ENTRIES if e["result"] == "runs"]
# Everything in full takes these seconds; a few taps show the same.
MAX_TAPS = 6

never = NeverCancelled()


def feeds_of(entry):
    rng = np.random.default_rng(0)
    feeds = {}
    for name, (shape, dtype) in entry["run_with"].items():
        if np.dtype(dtype).kind == "f":
            feeds[name] = rng.standard_normal(shape).astype(dtype)
        else:
            value = 16000 if name == "sr" else int("mask" in name)
            feeds[name] = np.full(shape, value, dtype)
    return feeds


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("entry", RUNS, ids=[e["name"] for e in RUNS])
def test_fast_live_and_deep_agree_with_raw(entry, corpus):
    path = corpus / "onnx" / entry["file"]
    feeds = feeds_of(entry)
    model = running(path)
    source = str(path)
    if any("shapes stored" in note for note in model.notes):
        proto = onnx.load(path)
        del proto.graph.value_info[:]
        source = proto.SerializeToString()

    fast, _ = model.run_fast(feeds, never)
    for name, value in zip(fast, raw_run(source, feeds), strict=True):
        if isinstance(value, np.ndarray):
            assert fast[name].dtype == value.dtype
            np.testing.assert_array_equal(fast[name], value)
        else:
            assert fast[name] == value

    taps = model.tap_points()[:: max(1, len(model.tap_points()) // MAX_TAPS)]
    live, tensors, _ = model.run_live(
        feeds, [TapRequest(tensor, "full") for tensor in taps], never
    )
    for name, value in fast.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            scale = float(np.abs(value).max(initial=1e-6))
            np.testing.assert_allclose(live[name], value, atol=2e-3 * scale, rtol=0.01)
    assert set(tensors) == set(taps)
    for name, value in tensors.items():
        deep = model.tensor_value(name, feeds, never)
        assert value.shape == deep.shape
        if value.dtype.kind == "f":
            scale = float(np.abs(deep).max(initial=1e-6))
            np.testing.assert_allclose(value, deep, atol=0.02 * scale, rtol=0.02)
