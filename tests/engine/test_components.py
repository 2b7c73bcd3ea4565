"""Tests of the other graphs of a model's folder: found by name, run when needed."""

import json

import numpy as np
import onnx
import pytest
from tests import models

from layerscope.core.errors import BadInputError
from layerscope.engine.components import Components
from layerscope.engine.jobs import CancelToken
from layerscope.engine.model.folders import resolve
from layerscope.engine.runtime import devices


@pytest.fixture
def pipeline(tmp_path):
    """A folder laid out as diffusers does, of small graphs."""
    folder = tmp_path / "painter"
    for part in ("unet", "text_encoder", "vae_decoder"):
        (folder / part).mkdir(parents=True)
        onnx.save(models.mlp(), folder / part / "model.onnx")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "X"}))
    return folder


def test_parts_of_a_pipeline_are_found_without_the_drawn_one(pipeline):
    found = resolve(pipeline)

    assert found.main == pipeline / "unet" / "model.onnx"
    assert found.components == {
        "text_encoder": pipeline / "text_encoder" / "model.onnx",
        "vae_decoder": pipeline / "vae_decoder" / "model.onnx",
    }


def test_encoder_and_decoder_beside_each_other_are_one_model(tmp_path):
    for name in ("encoder_model", "decoder_model_merged", "unrelated"):
        onnx.save(models.mlp(), tmp_path / f"{name}.onnx")
    found = resolve(tmp_path)

    others = {"encoder_model.onnx", "decoder_model_merged.onnx"} - {found.main.name}
    assert {path.name for path in found.components.values()} == others


def test_a_lone_file_has_no_other_parts(tmp_path):
    onnx.save(models.mlp(), tmp_path / "net.onnx")
    onnx.save(models.mlp(), tmp_path / "other.onnx")

    assert resolve(tmp_path / "net.onnx").components == {}


def test_a_component_runs_like_any_model(pipeline):
    parts = Components(resolve(pipeline).components, devices.choose("cpu"))
    running = parts.get("vae_decoder").running
    (slot,) = running.inputs
    feed = np.ones([n if isinstance(n, int) else 1 for n in slot.shape], np.float32)
    outputs, _ = running.run_fast({slot.name: feed}, CancelToken())

    assert np.isfinite(outputs[running.outputs[0].name]).all()
    parts.release()


def test_a_missing_part_is_named_with_those_there_are(pipeline):
    parts = Components(resolve(pipeline).components, devices.choose("cpu"))

    with pytest.raises(BadInputError, match=r"vae_encoder.*text_encoder, vae_decoder"):
        parts.get("vae_encoder")
