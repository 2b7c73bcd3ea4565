"""A picture that tells what it was made with brings it back."""

from dataclasses import replace

import numpy as np
import pytest
from tests.ui import diffusion_parts as parts

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.core.made_with import MadeWith, array_text
from layerscope.core.png import write_png
from layerscope.library.preferences import Preferences
from layerscope.protocol.inputs import PictureFile, TypedText
from layerscope.protocol.values import InputSlot


@pytest.fixture
def controller(tmp_path, monkeypatch):
    made = Controller(EngineClient(), Preferences(tmp_path / "preferences.json"))
    opened = []
    monkeypatch.setattr(
        made, "open_model", lambda path, **options: opened.append((path, options))
    )
    monkeypatch.setattr(made, "library", lambda: ())
    made.opened, made.runs = opened, []
    monkeypatch.setattr(
        made, "run", lambda: made.runs.append(dict(made.session.inputs))
    )
    yield made
    made.close()


def picture(folder, **settings):
    path = folder / "seven.png"
    made = MadeWith.from_json(parts.made(seed=12, **settings))
    write_png(path, np.zeros((4, 4, 3), np.uint8), made.texts())
    return path


def diffusion(controller, sha256="0123456789abcdef", task="diffusion"):
    from tests.ui.window_parts import report

    parts.open_diffusion(controller)
    session = controller.session
    session.preflight = report()
    assert session.preflight.sha256 == "0123456789abcdef"
    session.task = task


def test_prompt_seed_and_settings_come_back_for_the_open_model(controller, tmp_path):
    diffusion(controller)
    session = controller.session
    session.inputs = {
        "prompt": TypedText.of("something else"),
        "image": PictureFile(path="/pictures/cat.jpg"),
    }
    session.settings = {"guidance": 9.0, "sweep_columns": "seed"}
    controller.open_path(picture(tmp_path, guidance=5.0, unknown="x"))
    assert session.inputs == {"prompt": TypedText.of("a seven")}
    assert session.settings == {"seed": 12, "guidance": 5.0}
    assert len(controller.runs) == 1
    assert not controller.opened


def began_from(folder, *slots):
    path = folder / "from-a-picture.png"
    made = replace(MadeWith.from_json(parts.made(seed=12)), pictures=slots)
    write_png(path, np.zeros((4, 4, 3), np.uint8), made.texts())
    return path


def test_a_picture_it_began_from_is_kept_where_it_is_open(controller, tmp_path):
    diffusion(controller)
    image = PictureFile(path="/pictures/cat.jpg")
    controller.session.inputs = {"image": image}
    controller.open_path(began_from(tmp_path, "image"))
    assert controller.runs == [{"image": image, "prompt": TypedText.of("a seven")}]
    assert "the one that is open now was kept" in controller.session.log[-1].text
    assert controller.session.trouble is None


def test_a_picture_it_began_from_that_is_missing_is_named(controller, tmp_path):
    diffusion(controller)
    image = PictureFile(path="/pictures/cat.jpg")
    controller.session.inputs = {"image": image}
    controller.open_path(began_from(tmp_path, "image", "mask"))
    assert "another one (mask)" in controller.session.trouble.message
    assert controller.session.inputs["image"] == image
    assert controller.session.settings["seed"] == 12
    assert controller.runs == []


def test_a_latent_comes_back(controller, tmp_path):
    from tests.ui.window_parts import tensor_slot

    diffusion(controller, task="latent-to-picture")
    controller.session.slots = (tensor_slot("latent", ("batch", 3)),)
    latent = np.float32([[0.5, -1, 2]])
    arrays = {"latent": array_text(latent), "other": "no array"}
    made = MadeWith(
        model="Digits",
        sha256="0123456789abcdef",
        task="latent-to-picture",
        arrays=arrays,
    )
    write_png(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8), made.texts())
    controller.open_path(tmp_path / "a.png")
    (inputs,) = controller.runs
    np.testing.assert_array_equal(inputs["latent"].array.inline_array(), latent)


def test_sampling_settings_alone_do_not_run_while_live(controller, monkeypatch):
    runs = []
    monkeypatch.setattr(controller._scheduler, "run_once", lambda: runs.append(1))
    session = controller.session
    session.live, session.stepped, session.lenses = True, True, ("sampling",)
    controller.set_setting("temperature", 0.3)
    controller.set_setting("seed", 5)
    assert session.settings == {"temperature": 0.3, "seed": 5}
    assert not runs
    controller.set_setting("max_new_tokens", 8)
    assert len(runs) == 1
    controller.reset_settings()
    assert len(runs) == 2
    session.lenses = ()
    controller.set_setting("seed", 6)
    assert len(runs) == 3


def test_a_picture_opened_as_an_input_is_only_a_picture(controller, tmp_path):
    diffusion(controller)
    path = picture(tmp_path)
    controller.open_path(path, as_input=True)
    assert controller.session.inputs["image"] == PictureFile(path=str(path))
    assert controller.session.settings == {}


def test_another_model_is_opened_first(controller, tmp_path):
    model = tmp_path / "models" / "digits"
    model.mkdir(parents=True)
    session = controller.session
    session.recent = (str(model),)
    controller.open_path(picture(tmp_path))
    assert controller.opened == [(str(model), {"task": "diffusion"})]
    session.opening = str(model)
    diffusion(controller)
    session.model_path = str(model)
    assert "seed" not in session.settings
    session.opening = ""  # as when the model has just been made ready
    assert session.settings["seed"] == 12
    assert session.inputs["prompt"] == TypedText.of("a seven")
    session.settings = {}
    session.opening = "another"
    session.opening = ""
    assert session.settings == {}


def test_a_model_that_is_not_here_is_asked_for(controller, tmp_path):
    controller.open_path(picture(tmp_path))
    assert "Digits" in controller.session.trouble.message
    assert not controller.opened


def test_a_picture_that_says_nothing_is_fed(controller, tmp_path):
    path = tmp_path / "plain.png"
    write_png(path, np.zeros((4, 4, 3), np.uint8))
    controller.session.model = 1
    controller.session.slots = (
        InputSlot(name="x", kind="picture", tensor=parts.image_slot().tensor),
    )
    controller.open_path(path)
    assert controller.session.inputs["x"] == PictureFile(path=str(path))


def test_a_broken_text_in_a_picture_is_noted_and_the_picture_fed(controller, tmp_path):
    path = tmp_path / "broken.png"
    write_png(path, np.zeros((4, 4, 3), np.uint8), {"layerscope": "{no json"})
    diffusion(controller)
    controller.open_path(path)
    assert controller.session.inputs["image"] == PictureFile(path=str(path))
    assert "cannot be read" in controller.session.log[-1].text
