"""The latent pad and all around it."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from tests.fakes.fake_controller import FakeController
from tests.ui.diffusion_parts import flat, frame
from tests.ui.text_parts import lens_answer
from tests.ui.window_parts import tensor_slot

from layerscope.protocol.inputs import TensorArray, TensorFile
from layerscope.protocol.values import ArrayRef
from layerscope.ui.panels.latent_state import MAIN, LatentState, between, values_of
from layerscope.ui.panels.latents import LatentsPanel
from layerscope.ui.widgets.latent_pad import LatentPad


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    session = made.session
    session.model, session.runnable = 1, True
    session.task = "latent-to-picture"
    session.slots = (tensor_slot("latent", ("batch", 4)),)
    session.lenses = ("latent-map",)
    return made


@pytest.fixture
def panel(qtbot, controller):
    made = LatentsPanel(controller)
    qtbot.addWidget(made)
    made.resize(760, 330)
    made.show()
    return made


def asked(controller, what):
    return [
        (command, done)
        for command, done, _ in controller.queries
        if getattr(command, "question", {}).get("what") == what
    ]


def answer(controller, what, **parts):
    """Answer the newest question of a kind; return it."""
    command, done = asked(controller, what)[-1]
    done(lens_answer("latent-map", **parts))
    return command.question


def facts(panel, n=4, encoder="yes"):
    panel.refresh()
    answer(
        panel.controller,
        "facts",
        numbers={"shape": (float(n),), "size": (8.0, 8.0)},
        texts={"encoder": (encoder,), "other": ()},
    )


def samples(panel, raw, directions=None, labels=("0", "1", "1")):
    raw = np.asarray(raw, np.float32)
    n = raw.shape[1]
    directions = np.eye(2, n, dtype=np.float32) if directions is None else directions
    answer(
        panel.controller,
        "samples",
        arrays={
            "points": raw @ directions.T,
            "raw": raw,
            "scores": np.array([0.01, 0.02, 0.03], np.float32),
            "directions": directions,
            "middle": np.zeros(n, np.float32),
        },
        numbers={"kept": (0.7,)},
        texts={"labels": labels, "paths": ()},
    )


def fed(controller):
    """Return the latents that were fed, oldest first."""
    return [
        controller.get_array(source.array).reshape(-1)
        for _, source in controller.called("set_input")
    ]


def test_dragging_on_the_pad_feeds_the_model_at_every_move(panel, controller, qtbot):
    facts(panel)
    pad = panel.pad
    for x, y in ((1.0, 0.5), (-1.0, 2.0)):
        spot = pad.to_widget(x, y)
        at = QPoint(round(spot.x()), round(spot.y()))
        qtbot.mousePress(pad, Qt.MouseButton.LeftButton, pos=at)
    latents = fed(controller)
    assert len(latents) == 2
    np.testing.assert_allclose(latents[-1][:2], (-1.0, 2.0), atol=0.05)
    assert not latents[-1][2:].any()
    assert len(controller.called("run")) == 2
    np.testing.assert_array_equal(panel.sliders.values, latents[-1])


def test_while_live_the_change_alone_is_enough(panel, controller):
    facts(panel)
    controller.session.live = True
    panel.pad.moved.emit(1.0, 1.0)
    assert len(fed(controller)) == 1
    assert not controller.called("run")


def test_a_slider_moves_one_dimension(panel, controller, qtbot):
    facts(panel)
    groove = panel.sliders.groove(2)
    at = QPoint(int(groove.right()), int(groove.center().y()))
    qtbot.mousePress(panel.sliders, Qt.MouseButton.LeftButton, pos=at)
    np.testing.assert_allclose(fed(controller)[-1], (0, 0, 3, 0), atol=0.05)
    QTest.keyClick(panel.sliders, Qt.Key.Key_Left)
    assert fed(controller)[-1][2] < 2.95


def test_a_hundred_dimensions_scroll_and_keys_reach_the_last(panel, controller, qtbot):
    facts(panel, n=100)
    sliders = panel.sliders
    qtbot.waitUntil(lambda: sliders.parentWidget().height() >= sliders.height())
    assert sliders.height() > panel.height()
    for _ in range(100):
        QTest.keyClick(sliders, Qt.Key.Key_Down)
    QTest.keyClick(sliders, Qt.Key.Key_Right)
    assert fed(controller)[-1][99] > 0
    assert sliders.visibleRegion().boundingRect().bottom() > sliders.height() - 30


def test_other_axes_show_other_dimensions(panel, controller):
    facts(panel)
    panel.axes.choose(0, 3)
    panel.pad.moved.emit(1.5, -0.5)
    np.testing.assert_allclose(fed(controller)[-1], (0, -0.5, 0, 1.5))
    panel.axes.choose(1, 3)  # both the same: the other one gives way
    assert panel.state.x != panel.state.y


def test_samples_stand_at_their_place_and_are_gone_to(panel, controller, qtbot):
    facts(panel)
    samples(panel, [[0, 0, 1, 0], [2, 1, 0, 0], [-2, 0.5, 0, 0]])
    panel.refresh()
    assert "3 samples" in panel._clause.whole()
    spot = panel.pad.to_widget(2, 1)
    at = QPoint(round(spot.x()), round(spot.y()))
    assert panel.pad.sample_at(QPointF(at)) == 1
    qtbot.mouseClick(panel.pad, Qt.MouseButton.RightButton, pos=at)
    np.testing.assert_array_equal(fed(controller)[-1], (2, 1, 0, 0))


def test_the_pad_goes_along_the_main_directions(panel, controller):
    facts(panel)
    directions = np.array([[0.6, 0.8, 0, 0], [0, 0, 1, 0]], np.float32)
    samples(panel, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]], directions)
    panel.axes.choose(0, MAIN)
    assert panel.state.on_main
    panel.pad._move_to(2.0, -1.0)
    np.testing.assert_allclose(fed(controller)[-1], (1.2, 1.6, -1, 0), atol=1e-6)
    assert panel.pad.place == (2.0, -1.0)


def test_the_ground_is_asked_for_where_the_pad_looks(panel, controller, qtbot):
    facts(panel, n=2)
    qtbot.waitUntil(lambda: bool(asked(controller, "grid")))
    first = asked(controller, "grid")[-1][0].question
    assert (first["x"], first["y"], first["centre_x"]) == (0, 1, 0.0)
    side = first["side"]
    steps = np.linspace(-first["reach"], first["reach"], side)
    answer(
        controller,
        "grid",
        arrays={"atlas": np.full((8 * side, 8 * side, 3), 200, np.uint8)},
        numbers={"x_values": tuple(steps), "y_values": tuple(steps[::-1])},
    )
    shown = panel.pad.grab().toImage()
    spot = panel.pad.to_widget(1.2, 1.2)
    assert shown.pixelColor(round(spot.x()), round(spot.y())).red() == 200
    panel.pad.set_view((1.0, -1.0), 0.5)
    qtbot.waitUntil(lambda: len(asked(controller, "grid")) == 2)
    second = asked(controller, "grid")[-1][0].question
    assert (second["centre_x"], second["centre_y"]) == (1.0, -1.0)
    assert second["reach"] < 0.5


def test_an_encoded_picture_has_place_score_and_error(panel, controller):
    facts(panel)
    samples(panel, [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    panel.encode_picture("/pictures/seven.png")
    question = answer(
        controller,
        "encode",
        arrays={
            "latent": np.array([[1, 2, 0, 0]], np.float32),
            "picture": flat(10),
            "reconstruction": flat(20),
            "error": np.full((8, 8), 30, np.uint8),
        },
        numbers={"score": (0.025,), "placed": (1.0, 2.0)},
    )
    assert question["path"] == "/pictures/seven.png"
    np.testing.assert_array_equal(fed(controller)[-1], (1, 2, 0, 0))
    assert panel.pad.place == (1.0, 2.0)
    assert panel.card.views["error"].pixels.shape == (8, 8)
    words = panel.card.told.whole()
    assert words == "anomaly score 0.025 · worse than 67 % of the samples"
    assert panel.card.scores.mark == 0.025
    assert panel.card.isVisible()


def test_without_an_encoder_nothing_is_offered_to_encode(panel):
    facts(panel, encoder="no")
    assert not panel.encode.isVisible()
    assert not panel.samples.isVisible()


def test_snapshots_and_the_way_between_them(panel, controller):
    facts(panel)
    controller.pictures.show(frame(answer__picture=flat(50)))
    for latent in ((1, 0, 0, 0), (0, 1, 0, 0)):
        panel.go_to(np.asarray(latent, np.float32))
        panel.keep.click()
    shelf = panel.shelf
    assert len(shelf.snapshots) == 2
    assert shelf.strip.has(1)
    shelf.slider.setValue(shelf.slider.maximum() // 2)
    np.testing.assert_allclose(fed(controller)[-1], (0.7071, 0.7071, 0, 0), atol=1e-3)
    QTest.keyClick(shelf.strip, Qt.Key.Key_Left)
    np.testing.assert_array_equal(fed(controller)[-1], (1, 0, 0, 0))
    shelf.remove.click()
    assert len(shelf.snapshots) == 1
    assert not shelf.slider.isVisible()


def test_a_walk_moves_on_only_when_the_last_picture_is_there(panel, controller, qtbot):
    facts(panel)
    panel._walking.setInterval(1)
    controller.session.running = True
    panel.walk.click()
    qtbot.waitUntil(lambda: panel._walked > 3)
    assert not fed(controller)
    controller.session.running = False
    qtbot.waitUntil(lambda: len(fed(controller)) > 3)
    steps = np.abs(np.diff(np.stack(fed(controller)), axis=0)).max()
    assert 0 < steps < 0.5
    panel.walk.click()
    assert not panel._walking.isActive()


def test_random_draws_a_latent(panel, controller):
    facts(panel)
    panel.dice.click()
    panel.dice.click()
    first, second = fed(controller)
    assert np.abs(first - second).max() > 0


def test_a_file_that_feeds_the_model_is_where_the_pad_begins(
    panel, controller, tmp_path
):
    np.savez(tmp_path / "sample.npz", latent=np.array([[1, 2, 3, 4]], np.float32))
    source = TensorFile(path=str(tmp_path / "sample.npz"), key="latent")
    controller.session.inputs = {"latent": source}
    facts(panel)
    panel.refresh()
    assert panel.pad.place == (1.0, 2.0)
    assert not fed(controller)


def test_a_latent_that_a_picture_brought_back_is_where_the_pad_goes(panel, controller):
    facts(panel)
    latent = np.array([[1, 2, 3, 4]], np.float32)
    source = TensorArray(array=ArrayRef.inline(latent))
    controller.session.inputs = {"latent": source}
    panel.refresh()
    assert panel.pad.place == (1.0, 2.0)
    np.testing.assert_array_equal(panel.state.latent, latent[0])


def test_the_latent_is_saved_as_the_model_takes_it(panel, controller, tmp_path):
    facts(panel)
    panel.go_to(np.array([1, 2, 3, 4], np.float32))
    panel.save_as(str(tmp_path / "mine"))
    saved = np.load(tmp_path / "mine.npy")
    np.testing.assert_array_equal(saved, np.float32([[1, 2, 3, 4]]))
    panel.save_as(str(tmp_path / "missing" / "mine.npy"))
    assert "mine.npy cannot be written" in controller.called("complain")[-1][0]


def test_a_file_that_cannot_be_read_is_left_to_the_engine(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 nothing")
    for name in ("bad.npz", "missing.npy"):
        assert values_of(TensorFile(path=str(tmp_path / name)), 4) is None


def test_the_way_between_latents_keeps_their_length():
    rng = np.random.default_rng(0)
    start, end = rng.standard_normal((2, 64)).astype(np.float32)
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    for share in (0.0, 0.25, 0.5, 1.0):
        length = np.linalg.norm(between(start, end, share))
        assert length == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(between(start, end, 1.0), end, atol=1e-6)
    np.testing.assert_allclose(between(start[:2], end[:2], 0.5), (start + end)[:2] / 2)


def test_the_ground_of_a_plane_is_what_all_its_places_share():
    state = LatentState((4,))
    state.latent = np.array([1, 2, 3, 4], np.float32)
    np.testing.assert_array_equal(state.ground(), (0, 0, 3, 4))
    state.directions = np.array([[0, 0, 0, 1], [1, 0, 0, 0]], np.float32)
    state.x = state.y = MAIN
    np.testing.assert_array_equal(state.ground(), (0, 2, 3, 0))


def test_the_wheel_zooms_about_the_pointer_and_a_key_shows_all(qtbot):
    pad = LatentPad()
    qtbot.addWidget(pad)
    pad.resize(300, 300)
    pad.show()
    pad.set_place(2.0, 1.0)
    place = pad.to_widget(2.0, 1.0)
    QTest.keyClick(pad, Qt.Key.Key_Plus)
    assert pad.centre == (2.0, 1.0)
    assert pad.reach == pytest.approx(2.4)
    assert pad.to_plane(pad.to_widget(0.5, 0.25)) == pytest.approx((0.5, 0.25))
    QTest.keyClick(pad, Qt.Key.Key_0)
    assert pad.to_widget(2.0, 1.0) == place
    QTest.keyClick(pad, Qt.Key.Key_Up)
    assert pad.place[1] > 1.0
