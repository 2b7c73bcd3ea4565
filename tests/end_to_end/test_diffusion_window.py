"""Diffusion and latents in the real window, with a real engine and real graphs."""

import numpy as np
import pytest
from tests import diffusion_models

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.core import made_with
from layerscope.library.preferences import Preferences
from layerscope.protocol.inputs import TypedText
from layerscope.ui import launch
from layerscope.ui.main_window import MainWindow
from layerscope.ui.panels.denoising import DenoisingView

DEADLINE_MS = 40_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return diffusion_models.stable_diffusion(tmp_path_factory.mktemp("sd") / "tiny-sd")


@pytest.fixture
def controller(tmp_path):
    client = EngineClient(arena_bytes=32 << 20)
    controller = Controller(client, Preferences(tmp_path / "preferences.json"))
    controller.start()
    yield controller
    controller.close()


@pytest.fixture
def window(qtbot, controller):
    launch.make_application()
    window = MainWindow(controller)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    qtbot.waitExposed(window)
    return window


def denoising(window):
    views = window.panels["output"].views
    return next((v for v in views if isinstance(v, DenoisingView)), None)


def picture(window):
    return np.array(window.panels["output"].views[0].view.pixels)


def run(qtbot, controller):
    before = controller.session.n_runs
    controller.run()
    qtbot.waitUntil(
        lambda: controller.session.n_runs > before and not controller.session.running,
        timeout=DEADLINE_MS,
    )


def test_prompt_steps_scrub_save_and_restore(
    qtbot, window, controller, folder, tmp_path
):
    session = controller.session
    controller.open_model(str(folder))
    qtbot.waitUntil(lambda: session.n_runs > 0, timeout=DEADLINE_MS)
    assert "image" not in session.inputs  # what need not be given is not
    controller.set_setting("steps", 6)
    controller.set_setting("seed", 5)
    controller.set_input("prompt", TypedText.of("a red digit"))
    run(qtbot, controller)
    window.refresh()
    assert window.layout_.is_front("steps")
    steps = window.panels["steps"]
    qtbot.waitUntil(
        lambda: all(steps.strip.has(at) for at in range(7)), timeout=DEADLINE_MS
    )
    assert steps.views["cond"].pixels is not None
    result = picture(window)

    view = denoising(window)
    view.slider.setValue(2)
    qtbot.waitUntil(
        lambda: bool(view.instead) and not view.steps.asking, timeout=DEADLINE_MS
    )
    window.panels["output"].refresh()
    assert not np.array_equal(picture(window), result)
    assert view.head.whole() == "step 3 of 6"

    window.layout_.choose_tab("words")
    words = window.panels["words"]
    qtbot.waitUntil(lambda: bool(words.maps.words), timeout=DEADLINE_MS)
    assert words.maps.words == ("a", "red", "digit")

    view.slider.setValue(6)
    qtbot.waitUntil(lambda: np.array_equal(picture(window), result))
    path = tmp_path / "made.png"
    window.panels["output"].save_as(str(path))
    assert made_with.read(path).settings["seed"] == 5

    controller.set_setting("seed", 77)
    controller.set_input("prompt", TypedText.of("big"))
    run(qtbot, controller)
    qtbot.waitUntil(lambda: not np.array_equal(picture(window), result))
    runs = session.n_runs
    controller.open_path(path)
    qtbot.waitUntil(lambda: session.n_runs > runs, timeout=DEADLINE_MS)
    assert session.inputs["prompt"].text == "a red digit"
    qtbot.waitUntil(
        lambda: np.array_equal(picture(window), result), timeout=DEADLINE_MS
    )


def test_stop_in_the_middle_leaves_the_picture_and_the_steps(
    qtbot, window, controller, folder
):
    session = controller.session
    controller.open_model(str(folder))
    qtbot.waitUntil(lambda: session.n_runs > 0, timeout=DEADLINE_MS)
    controller.set_setting("steps", 1000)
    controller.run()
    qtbot.waitUntil(
        lambda: session.n_steps > 900 and session.step > 5, timeout=DEADLINE_MS
    )
    qtbot.waitUntil(lambda: denoising(window).stop.isVisible())
    denoising(window).stop.click()
    qtbot.waitUntil(lambda: not session.running, timeout=DEADLINE_MS)
    assert session.trouble is None
    window.refresh()
    view = denoising(window)
    reached = view.slider.maximum()
    assert 5 < reached < 999
    assert not view.stop.isVisible()
    assert picture(window).ndim == 3
    view.slider.setValue(1)
    qtbot.waitUntil(lambda: bool(view.instead), timeout=DEADLINE_MS)
    assert view.head.whole() == "step 2 of 1000"


def test_the_picture_follows_the_latent_pad(qtbot, window, controller, checkout):
    session = controller.session
    controller.open_model(str(checkout / "models" / "digits-vae"))
    qtbot.waitUntil(lambda: session.n_runs > 0, timeout=DEADLINE_MS)
    window.refresh()
    panel = window.panels["latents"]
    qtbot.waitUntil(lambda: panel.state.n == 2, timeout=DEADLINE_MS)
    qtbot.waitUntil(lambda: len(panel._raw) == 40, timeout=DEADLINE_MS)
    qtbot.waitUntil(lambda: panel.pad._image is not None, timeout=DEADLINE_MS)
    seen = []
    for x, y in panel._raw[[0, 4]].tolist():
        runs = session.n_runs
        panel.pad._move_to(x, y)
        qtbot.waitUntil(lambda n=runs: session.n_runs > n, timeout=DEADLINE_MS)
        panel.refresh()
        seen.append(np.array(panel.view.pixels, np.float32))
    assert np.abs(seen[0] - seen[1]).mean() > 5
    panel.encode_picture(str(checkout / "models" / "digits-vae" / "thumbnail.png"))
    qtbot.waitUntil(lambda: panel.card.encoded, timeout=DEADLINE_MS)
    assert panel.card.views["error"].pixels is not None
    assert session.trouble is None
