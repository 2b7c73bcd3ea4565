"""Image to image, inpainting, and networks whose noisy picture is the picture."""

import json

import numpy as np
import onnx
import pytest
from tests import diffusion_models
from tests.model_building import FLOAT, INT64
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import PictureArray, TypedText

PROMPT = TypedText.of("red digit")


@pytest.fixture
def picture(stable):
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, :16] = (255, 64, 0)
    pixels[:, 16:] = (0, 64, 255)
    return PictureArray(array=stable.arena.put(pixels))


@pytest.fixture
def right_half(stable):
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, 16:] = 255
    return PictureArray(array=stable.arena.put(pixels))


def there_and_back(folder, pixels):
    """Return what encoder and decoder make of a picture, by raw onnxruntime."""
    values = (pixels.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
    for name in ("vae_encoder", "vae_decoder"):
        session = raw_session(str(folder / name / "model.onnx"))
        values = session.run(None, {session.get_inputs()[0].name: values})[0]
    return np.clip(values[0].transpose(1, 2, 0) * 127.5 + 127.5, 0, 255)


def test_strength_of_nothing_gives_the_picture_back(stable, stable_folder):
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    source = PictureArray(array=stable.arena.put(pixels))
    stable.run({"prompt": PROMPT, "image": source}, {"steps": 8, "strength": 0.0})

    wanted = there_and_back(stable_folder, pixels)
    np.testing.assert_allclose(stable.picture(), wanted, atol=0.51)
    assert len(stable.stepped) == 1


def test_strength_says_how_many_steps_are_gone_through(stable, picture):
    stable.run({"prompt": PROMPT, "image": picture}, {"steps": 8, "strength": 0.5})

    assert len(stable.stepped) == 4 + 1
    assert stable.ask("denoising-steps", what="steps")[1]["steps"][0] == 4
    assert stable.frames[0].pictures["input:image"].shape == (32, 32, 3)


def test_less_strength_stays_nearer(stable, stable_folder, picture):
    def off(strength):
        settings = {"steps": 10, "strength": strength}
        stable.run({"prompt": PROMPT, "image": picture}, settings)
        kept = there_and_back(stable_folder, small)
        return np.abs(stable.picture() - kept).mean()

    small = np.zeros((16, 16, 3), dtype=np.uint8)
    small[:, :8], small[:, 8:] = (255, 64, 0), (0, 64, 255)

    assert off(0.1) < off(0.5) < off(1.0)


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++-2m", "heun", "lcm"])
def test_masked_run_keeps_what_is_black(
    stable, stable_folder, picture, right_half, scheduler
):
    inputs = {"prompt": PROMPT, "image": picture, "mask": right_half}
    settings = {"steps": 6, "strength": 1.0, "scheduler": scheduler}
    painted = stable.run(inputs, settings).picture().astype(float)

    small = np.zeros((16, 16, 3), dtype=np.uint8)
    small[:, :8], small[:, 8:] = (255, 64, 0), (0, 64, 255)
    kept = there_and_back(stable_folder, small)
    np.testing.assert_allclose(painted[:, :6], kept[:, :6], atol=1)
    assert np.abs(painted[:, 8:] - kept[:, 8:]).mean() > 5


def test_inpainting_network_is_told_mask_and_masked_picture(engine, tmp_path):
    folder = diffusion_models.stable_diffusion(tmp_path / "inpaint", taken=9)
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps({"sample_size": 8, "in_channels": 9}))
    engine.open(folder)
    pixels = np.full((16, 16, 3), 200, dtype=np.uint8)
    white = np.zeros((16, 16, 3), dtype=np.uint8)
    white[8:] = 255
    inputs = {
        "prompt": PROMPT,
        "image": PictureArray(array=engine.arena.put(pixels)),
        "mask": PictureArray(array=engine.arena.put(white)),
    }
    engine.run(inputs, {"steps": 3, "strength": 1.0})
    shown = engine.model.feeds["sample"]

    assert shown.shape == (2, 9, 8, 8)
    np.testing.assert_array_equal(shown[0, 4, :4], 0)
    np.testing.assert_array_equal(shown[0, 4, 4:], 1)
    assert np.abs(shown[0, 5:, :4] - shown[0, 5:, 4:]).max() > 0.1
    engine.run({"prompt": PROMPT}, {"steps": 2})
    np.testing.assert_array_equal(engine.model.feeds["sample"][:, 4], 1)


def test_mask_without_white_and_mask_without_picture_are_told(stable, picture):
    black = PictureArray(array=stable.arena.put(np.zeros((8, 8, 3), dtype=np.uint8)))

    with pytest.raises(BadInputError, match="no white in it"):
        stable.run({"prompt": PROMPT, "image": picture, "mask": black}, {"steps": 2})
    with pytest.raises(BadInputError, match="mask was given without a picture"):
        stable.run({"prompt": PROMPT, "mask": picture}, {"steps": 2})


@pytest.fixture
def pixel_model(tmp_path):
    """A lone U-Net that denoises pictures of three channels."""
    folder = tmp_path / "pixels"
    folder.mkdir()
    network = diffusion_models.denoiser(
        channels=3, taken=3, words=False, side=8, time=(INT64, []), batch=1
    )
    onnx.save(network, folder / "model.onnx")
    return folder


def test_lone_network_makes_pictures(engine, pixel_model):
    engine.open(pixel_model / "model.onnx")
    told = next(e for e in engine.opened if type(e).__name__ == "TaskExplained")
    engine.run(settings={"steps": 5, "count": 2})

    assert told.task == "diffusion"
    names = {setting.name for setting in told.settings}
    assert not names & {"guidance", "size", "label", "attention"}
    assert "cross-attention" not in told.lenses
    assert engine.picture().shape == (8, 16, 3)
    assert engine.model.feeds["sample"].shape == (1, 3, 8, 8)
    parts = engine.stepped[0].answer.parts
    assert parts[1].preview == "decoded"  # what is denoised is the picture


def test_class_is_chosen_by_name_and_guides(engine, tmp_path):
    folder = tmp_path / "classes"
    folder.mkdir()
    network = diffusion_models.denoiser(
        channels=3, taken=3, words=False, label=4, side=8, time=(FLOAT, ["batch"])
    )
    onnx.save(network, folder / "model.onnx")
    names = {"id2label": {"0": "cat", "1": "dog", "2": "bird"}, "num_class_embeds": 4}
    (folder / "config.json").write_text(json.dumps(names))
    engine.open(folder)

    engine.run(settings={"steps": 4, "label": "dog"})
    dog = engine.picture()
    np.testing.assert_array_equal(engine.model.feeds["class_labels"], [3, 1])
    assert engine.model.feeds["timestep"].shape == (2,)
    engine.run(settings={"steps": 4, "label": "bird"})

    assert np.abs(dog.astype(int) - engine.picture()).max() > 2
    with pytest.raises(BadInputError, match=r"'cow' was asked for; there are cat, dog"):
        engine.run(settings={"label": "cow"})
