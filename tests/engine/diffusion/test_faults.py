"""Folders that lack something, settings that cannot be, numbers that are none."""

import json
import shutil

import numpy as np
import onnx
import pytest
from tests import diffusion_models
from tests.model_building import FLOAT, build

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import PictureArray, TokenIds, TypedText
from layerscope.protocol.messages import Noted

PROMPT = TypedText.of("red digit")


@pytest.fixture
def folder(stable_folder, tmp_path):
    return shutil.copytree(stable_folder, tmp_path / "lacking")


@pytest.mark.parametrize("part", ["text_encoder", "vae_decoder"])
def test_missing_part_is_named(engine, folder, part):
    shutil.rmtree(folder / part)
    engine.open(folder, task="diffusion")

    with pytest.raises(BadInputError, match=f"lacking needs {part} to make"):
        engine.run({"prompt": PROMPT})


def test_picture_without_an_encoder_is_refused(engine, folder):
    shutil.rmtree(folder / "vae_encoder")
    engine.open(folder)
    pixels = PictureArray(array=engine.arena.put(np.zeros((8, 8, 3), dtype=np.uint8)))

    with pytest.raises(BadInputError, match="lacks vae_encoder"):
        engine.run({"prompt": PROMPT, "image": pixels})
    assert engine.run({"prompt": PROMPT}, {"steps": 2}).picture().shape == (16, 16, 3)


def test_missing_tokenizer_is_named(engine, folder):
    shutil.rmtree(folder / "tokenizer")
    engine.open(folder)

    with pytest.raises(BadInputError, match="tokenizer/ should hold tokenizer"):
        engine.run({"prompt": PROMPT})


def test_scheduler_nobody_knows_asks_for_a_choice(engine, folder):
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**diffusion_models.SCHEDULER, "_class_name": "Magic"}))
    engine.open(folder)

    with pytest.raises(BadInputError, match="scheduler is Magic, which nobody here"):
        engine.run({"prompt": PROMPT})
    chosen = engine.run({"prompt": PROMPT}, {"steps": 2, "scheduler": "euler"})
    assert chosen.picture().shape == (16, 16, 3)


def test_scheduler_that_stands_in_is_told(engine, folder):
    path = folder / "scheduler" / "scheduler_config.json"
    named = {**diffusion_models.SCHEDULER, "_class_name": "PNDMScheduler"}
    path.write_text(json.dumps(named))
    engine.open(folder)

    def notes(settings):
        engine.run({"prompt": PROMPT}, {"steps": 2, **settings})
        return [event.text for event in engine.events if isinstance(event, Noted)]

    assert any("asks for PNDMScheduler" in note for note in notes({}))
    assert not any("PNDM" in note for note in notes({"scheduler": "euler"}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": "30 31"}, r"30 x 31 pixels was asked for; both sides must be mult"),
        ({"size": "big"}, "give height and width in pixels"),
        ({"size": "0 16"}, "multiples of 2"),
        ({"size": "16 9000"}, "4096 a side is the most"),
        ({"scheduler": "magic"}, "'magic' was asked for; there are ddim"),
        ({"steps": 0}, "Steps was set to 0; 1 to 1000"),
        ({"steps": "many"}, "Steps was set to many"),
        ({"guidance": float("nan")}, "Guidance was set to nan"),
        ({"count": 99}, "Count was set to 99; 1 to 16"),
        ({"strength": 2.0, "blend": 3.0}, "Blend was set to 3"),
        ({"preview": "loud"}, "preview 'loud' was asked for"),
        ({"prediction": "mood"}, "prediction 'mood' was asked for"),
        ({"scheduler": "lcm", "steps": 60}, "60 steps were asked for"),
    ],
)
def test_settings_that_cannot_be_give_a_sentence(stable, settings, said):
    with pytest.raises(BadInputError, match=said):
        stable.run({"prompt": PROMPT}, settings)


def test_token_id_outside_is_told(stable):
    with pytest.raises(BadInputError, match="Token ids of the prompt go from 0 to"):
        stable.run({"prompt": TokenIds(ids=(5, 99999))}, {"steps": 2})


def test_no_number_in_the_middle_names_the_step_and_keeps_what_was(engine, tmp_path):
    folder = diffusion_models.stable_diffusion(tmp_path / "nan", fails_at=300)
    engine.open(folder)

    with pytest.raises(BadInputError, match="At step 8 of 10 the network gave values"):
        engine.run({"prompt": PROMPT}, {"steps": 10})
    assert len(engine.stepped) == 7
    numbers = engine.ask("denoising-steps", what="steps")[1]
    assert numbers["steps"] == tuple(float(n) for n in range(7))


def test_network_that_wants_more_is_told_of(engine, tmp_path):
    folder = diffusion_models.stable_diffusion(tmp_path / "control")
    path = folder / "unet" / "model.onnx"
    model = onnx.load(path)
    more = onnx.helper.make_tensor_value_info("residual", FLOAT, [1])
    model.graph.input.append(more)
    model.graph.node.append(onnx.helper.make_node("Identity", ["residual"], ["unused"]))
    onnx.save(model, path)
    engine.open(folder, task="diffusion")

    with pytest.raises(BadInputError, match="also takes residual"):
        engine.run({"prompt": PROMPT})


def test_other_models_are_no_diffusion(engine, tmp_path):
    model = build(
        [onnx.helper.make_node("Relu", ["sample"], ["y"])],
        [("sample", FLOAT, [1, 3, 8, 8])],
        [("y", FLOAT, [1, 3, 8, 8])],
    )
    onnx.save(model, tmp_path / "relu.onnx")
    engine.open(tmp_path / "relu.onnx")

    told = next(e for e in engine.opened if type(e).__name__ == "TaskExplained")
    assert "diffusion" not in told.tasks
    with pytest.raises(BadInputError, match="is no model of diffusion"):
        engine.open(tmp_path / "relu.onnx", task="diffusion")
