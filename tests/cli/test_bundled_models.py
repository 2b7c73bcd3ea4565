"""Every bundled model opens and runs on a sample of its own, on the real engine."""

import json

import numpy as np
import pytest
from tests.kept_engine import caller, kept_engine

from layerscope.library.bundled import bundled_models
from layerscope.library.samples import own_samples

MODELS = {entry.id: entry for entry in bundled_models()}


@pytest.fixture(scope="module")
def engine():
    with kept_engine() as engine:
        yield engine


@pytest.fixture
def layerscope(engine, monkeypatch, capfd):
    return caller(engine, monkeypatch, capfd)


# What these put out is arrays; what others say, the tests of their tasks look at.
OF_ARRAYS = {
    "image-classification",
    "tabular-classification",
    "unconditional-image-generation",
}


@pytest.mark.slow
@pytest.mark.parametrize("model_id", MODELS)
def test_bundled_model_runs_on_its_own_sample_unasked(layerscope, model_id, tmp_path):
    outputs = tmp_path / "outputs.npz"

    status, out, err = layerscope(
        *("run", model_id, "--save-outputs", outputs, "--json")
    )

    assert (status, err) == (0, "")
    said = json.loads(out)
    assert said["latency_ms"]["model"]["n"] >= 1
    if MODELS[model_id].task in OF_ARRAYS:
        assert said["outputs"]
        with np.load(outputs) as saved:
            for array in saved.values():
                assert array.size
                assert np.isfinite(array).all()


@pytest.mark.slow
@pytest.mark.parametrize("model_id", MODELS)
def test_bundled_model_shows_its_inside(layerscope, model_id):
    status, out, err = layerscope("inspect", model_id, "--json")

    assert (status, err) == (0, "")
    described = json.loads(out)
    assert described["nodes"]
    assert described["runs"]


@pytest.mark.slow
def test_bench_takes_the_sample_that_the_model_needs(layerscope):
    status, out, err = layerscope("bench", "spoken-words", "--pairs", 2, "--json")

    assert (status, err) == (0, "")
    assert json.loads(out)["n"] == 2


@pytest.mark.slow
def test_digits_cnn_reads_the_sample_digits(layerscope):
    for picture in own_samples(MODELS["digits-cnn"].path).pictures:
        status, out, _ = layerscope("run", "digits-cnn", "--image", picture)

        assert status == 0
        digit = {"three": "3", "eight": "8"}[picture.stem.rpartition("-")[2]]
        first = next(line for line in out.splitlines() if line.endswith("%"))
        assert first.split()[0] == digit
