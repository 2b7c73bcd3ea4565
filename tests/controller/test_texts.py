"""The last text of each model is remembered, and a text can go on from a token."""

import json

import pytest
from tests.fakes.fake_controller import FakeController
from tests.ui import text_parts
from tests.ui import window_parts as parts

from layerscope.controller.texts import (
    MOST_CHARACTERS,
    MOST_MODELS,
    LastTexts,
    choose_token,
    continue_from,
)
from layerscope.library.preferences import Preferences
from layerscope.protocol.inputs import TypedText


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    text_parts.open_text_model(made)
    made.session.preflight = parts.report()
    return made


def again(tmp_path):
    return LastTexts(Preferences(tmp_path / "preferences.json"))


def test_a_text_comes_back_at_the_next_start(controller, tmp_path):
    session = controller.session
    session.inputs = {"text": TypedText.of("To be")}
    controller.texts.remember(session)
    sample = {"text": TypedText.of("a sample")}
    got = again(tmp_path).remembered(session, session.slots, sample)
    assert got == {"text": TypedText.of("To be")}


def test_another_model_keeps_its_own_sample(controller, tmp_path):
    session = controller.session
    session.inputs = {"text": TypedText.of("To be")}
    controller.texts.remember(session)
    other = FakeController(tmp_path).session
    sample = {"text": TypedText.of("a sample")}
    assert again(tmp_path).remembered(other, session.slots, sample) == sample


def test_very_long_texts_are_not_kept(controller, tmp_path):
    session = controller.session
    session.inputs = {"text": TypedText.of("x" * (MOST_CHARACTERS + 1))}
    controller.texts.remember(session)
    assert again(tmp_path).remembered(session, session.slots, {}) == {}


def test_damaged_memory_is_no_trouble(controller, tmp_path):
    session = controller.session
    for junk in ("{", "[1]", '{"0123456789abcdef": [1]}', "null"):
        controller.preferences.set_option("texts", junk)
        assert again(tmp_path).remembered(session, session.slots, {}) == {}
        session.inputs = {"text": TypedText.of("new")}
        again(tmp_path).remember(session)


def test_only_so_many_models_are_remembered(controller, tmp_path):
    old = {f"model {n}": {"text": "x"} for n in range(MOST_MODELS)}
    controller.preferences.set_option("texts", json.dumps(old))
    controller.session.inputs = {"text": TypedText.of("newest")}
    controller.texts.remember(controller.session)
    kept = json.loads(controller.preferences.option("texts", ""))
    assert len(kept) == MOST_MODELS
    assert "model 0" not in kept
    assert controller.session.preflight.sha256 in kept


def test_going_on_is_for_one_run_alone(controller):
    continue_from(controller, [5, 6], max_new_tokens=9)
    assert controller.session.once == {"forced": "5 6", "max_new_tokens": 9}
    assert controller.session.settings == {}
    assert len(controller.called("run")) == 1


def test_one_token_is_pointed_at(controller):
    seen = []
    controller.session.events.token.connect(seen.append)
    choose_token(controller, 3)
    choose_token(controller, 3)
    choose_token(controller, -1)
    assert seen == [3, -1]
