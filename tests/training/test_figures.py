"""Every bundled model has a card, and what the card states is what is found."""

import math

import pytest

from layerscope.library.bundled import bundled_models
from training import cards, cifar10, digit_reader, digits, digits_gan, figures, publish

MODELS = {entry.id: entry for entry in bundled_models()}
DIGITS = [id_ for id_ in MODELS if id_.startswith("digits-") and "diffusion" not in id_]
CIFAR10 = [id_ for id_ in MODELS if id_.startswith("cifar10-resnet-")]
N_PER_CLASS = 50


@pytest.mark.parametrize("model_id", MODELS)
def test_card_states_a_number_that_can_be_measured_again(model_id):
    entry = MODELS[model_id]

    assert entry.value == cards.stated_figure(entry.path)
    assert math.isfinite(entry.value)
    assert entry.metric
    module, _, function = figures.FIGURES[model_id].partition(":")
    assert module.startswith("training.")
    assert function
    assert (entry.path / "train.py").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("model_id", [id_ for id_ in DIGITS if id_ != "digits-gan"])
def test_digits_are_read_as_well_as_the_card_says(model_id):
    entry = MODELS[model_id]

    figure = figures.measure(model_id, entry.path)

    assert figure == pytest.approx(entry.value, abs=figures.tolerance(model_id))
    assert figure >= (0.85 if model_id == "digits-vae" else 0.95)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """The classifier that reads what is drawn, trained for a sixth of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYERSCOPE_TRAIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        return digit_reader.reader(epochs=digit_reader.EPOCHS // 6)


@pytest.mark.slow
def test_judge_reads_digits_that_it_has_not_seen(judge):
    _, test = digits.load()

    assert digit_reader.accuracy(judge, test) >= 0.96


@pytest.mark.slow
def test_generator_draws_digits_and_all_ten_of_them(judge):
    entry = MODELS["digits-gan"]

    pictures = digits_gan.drawn(entry.path, 500)
    share, counts = digits_gan.judged(pictures, judge)

    assert entry.value >= 0.9
    assert min(counts) > 0
    # A judge that was trained for less is less sure, of real digits too.
    assert share >= 0.75
    assert pictures.shape == (500, 1, 32, 32)


@pytest.fixture(scope="module")
def pictures(corpus):
    """The first fifty test pictures of each class of CIFAR-10."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYERSCOPE_CORPUS", str(corpus))
        return cifar10.load(limit_per_class=N_PER_CLASS)[1]


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("model_id", CIFAR10)
def test_pictures_are_named_as_well_as_the_card_says(model_id, pictures):
    entry = MODELS[model_id]

    figure = publish.measured_accuracy(entry.path, pictures)

    # Three standard errors of a share that is found on a part of the pictures.
    error = math.sqrt(entry.value * (1 - entry.value) / len(pictures.labels))
    assert figure == pytest.approx(entry.value, abs=3 * error)


def test_integers_cost_less_than_a_point_and_most_of_the_size():
    full, small = MODELS["cifar10-resnet-m"], MODELS["cifar10-resnet-m-int8"]

    assert small.value >= full.value - 0.01
    assert small.bytes < 0.4 * full.bytes
