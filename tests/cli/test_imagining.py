"""Tests of imagine, decode and encode on the real engine."""

import json

import numpy as np
import onnx
import pytest
from PIL import Image
from tests import diffusion_models
from tests.kept_engine import caller, kept_engine

from layerscope.core import made_with


@pytest.fixture(scope="module")
def engine():
    with kept_engine() as engine:
        yield engine


@pytest.fixture
def layerscope(engine, monkeypatch, capfd):
    return caller(engine, monkeypatch, capfd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("imagine") / "tiny-sd"
    return diffusion_models.stable_diffusion(made)


def said(outcome):
    status, out, err = outcome
    assert (status, err) == (0, "")
    return json.loads(out)


def complaint(outcome):
    status, out, err = outcome
    assert (status, out) == (2, "")
    assert err.endswith((".\n", "!\n", "?\n"))
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


PROMPT = ("--prompt", "a red digit", "--steps", 4)


def test_imagine_writes_a_picture_and_what_it_was_made_with(
    layerscope, folder, tmp_path
):
    target = tmp_path / "made.png"
    fields = said(
        layerscope("imagine", folder, *PROMPT, "--seed", 7, "-o", target, "--json")
    )
    made = made_with.read(target)

    assert fields["files"] == [str(target)]
    assert fields["seeds"] == [7]
    assert fields["words"] == ["a", "red", "digit"]
    assert len(fields["steps_ms"]) == 4
    with Image.open(target) as picture:
        assert picture.size == (16, 16)
        assert "Steps: 4, Sampler: ddim" in picture.text["parameters"]
    assert made.texts_given == {"prompt": "a red digit"}
    assert made.settings["seed"] == 7
    assert made.settings == fields["settings"]


def test_same_seed_same_file_and_count_goes_on_from_the_seed(
    layerscope, folder, tmp_path
):
    for name, more in (("a", ()), ("b", ()), ("c", ("--count", 2))):
        seed = 4 if name == "c" else 5
        outcome = layerscope(
            "imagine",
            folder,
            *PROMPT,
            *more,
            "--seed",
            seed,
            "-o",
            tmp_path / f"{name}.png",
        )
        assert outcome[0] == 0, outcome
    first = (tmp_path / "a.png").read_bytes()
    second = np.asarray(Image.open(tmp_path / "c-2.png")).astype(int)

    assert first == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "c-1.png").is_file()
    assert np.abs(second - np.asarray(Image.open(tmp_path / "a.png"))).max() <= 1
    assert made_with.read(tmp_path / "c-2.png").settings["seed"] == 5


def test_steps_and_attention_are_written(layerscope, folder, tmp_path):
    fields = said(
        layerscope(
            "imagine",
            folder,
            *PROMPT,
            "-o",
            tmp_path / "a.png",
            "--json",
            "--save-steps",
            tmp_path / "steps",
            "--save-attention",
            tmp_path / "attention.npz",
        )
    )
    steps = sorted((tmp_path / "steps").iterdir())

    assert [path.name for path in steps] == [f"step-00{n}.png" for n in range(1, 6)]
    assert fields["step_files"] == [str(path) for path in steps]
    last, whole = (Image.open(p) for p in (steps[-1], tmp_path / "a.png"))
    np.testing.assert_array_equal(np.asarray(last), np.asarray(whole))
    with np.load(tmp_path / "attention.npz") as archive:
        assert archive["maps"].shape == (4, 3, 8, 8)
        assert list(archive["words"]) == ["a", "red", "digit"]
        total = archive["maps"].sum(axis=1)
        assert 0 < total.min() <= total.max() < 1.01  # kept in half precision


def test_picture_to_begin_from_and_mask(layerscope, folder, tmp_path):
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:8] = 255
    Image.fromarray(pixels).save(tmp_path / "in.png")
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    outcome = layerscope(
        "imagine", folder, *PROMPT, "-o", tmp_path / "out.png",
        "--image", tmp_path / "in.png", "--strength", 0.5,
        "--mask", tmp_path / "mask.png",
    )  # fmt: skip

    assert outcome[0] == 0
    assert "2 steps of" in outcome[1]
    assert f"wrote {tmp_path / 'out.png'}" in outcome[1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--scheduler", "magic"), "'magic' was asked for; there are ddim"),
        (("--steps", 0), "1 to 1,000 is wanted"),
        (("--guidance", "much"), "0 to 100 is wanted"),
        (("--strength", 0.5), "--strength was given without --image"),
        (("--image", "nowhere.png"), "There is no picture 'nowhere.png'"),
        (("--size", "15x16"), "16 x 15 pixels was asked for; both sides must be mul"),
        (("--label", "cat"), "has no label to set"),
        (("-o", "no/where.png"), "since there is no folder"),
        (("-o", "made.jpg"), "pictures are written as PNG"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_one_sentence(layerscope, folder, tmp_path, more, said):
    output = () if "-o" in more else ("-o", tmp_path / "x.png")

    assert said in complaint(layerscope("imagine", folder, *output, *more))


def test_model_of_another_kind_makes_no_pictures(layerscope, tiny_models, tmp_path):
    outcome = layerscope("imagine", tiny_models / "conv.onnx", "-o", tmp_path / "x.png")

    assert "was to make pictures by diffusion, but it is for" in complaint(outcome)


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "autoencoder"
    for name, model in (
        ("vae_decoder", diffusion_models.decoder()),
        ("vae_encoder", diffusion_models.encoder()),
    ):
        (folder / name).mkdir(parents=True)
        onnx.save(model, folder / name / "model.onnx")
    (folder / "model_index.json").write_text("{}")
    return folder


def test_picture_goes_to_a_latent_and_back(layerscope, pair, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    encoded = said(
        layerscope(
            "encode",
            pair,
            "--image",
            tmp_path / "in.png",
            "-o",
            tmp_path / "z.npy",
            "--json",
        )
    )
    latent = np.load(tmp_path / "z.npy")
    np.save(tmp_path / "many.npy", np.stack([latent, latent * 0]))
    decoded = said(
        layerscope(
            "decode",
            pair,
            "--latent",
            tmp_path / "many.npy",
            "-o",
            tmp_path / "out.png",
            "--json",
        )
    )

    assert latent.shape == (4, 16, 16)
    assert encoded["shape"] == [4, 16, 16]
    assert encoded["score"] > 0
    assert decoded["files"] == [str(tmp_path / f"out-{n}.png") for n in (1, 2)]
    assert (decoded["height"], decoded["width"]) == (32, 32)
    grey = np.asarray(Image.open(tmp_path / "out-2.png"))
    assert np.ptp(grey) == 0  # the latent of zeros
    one = layerscope(
        "decode", pair, "--latent", tmp_path / "z.npy", "-o", tmp_path / "one.png"
    )
    assert one[0] == 0
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "one.png")),
        np.asarray(Image.open(tmp_path / "out-1.png")),
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("decode", "--latent", "no.npy", "-o", "x.png"), "no file 'no.npy'"),
        (("encode", "--image", "no.png", "-o", "x.npy"), "no picture 'no.png'"),
    ],
)
def test_missing_file_is_one_sentence(layerscope, pair, command, said):
    name, *rest = command

    assert said in complaint(layerscope(name, pair, *rest))


def test_latent_of_another_size_is_one_sentence(layerscope, pair, tmp_path):
    np.save(tmp_path / "z.npy", np.zeros((1, 3, 8, 8), dtype=np.float32))
    outcome = layerscope(
        "decode", pair, "--latent", tmp_path / "z.npy", "-o", tmp_path / "x.png"
    )

    complaint(outcome)


def test_classifier_decodes_nothing(layerscope, tiny_models, tmp_path):
    np.save(tmp_path / "z.npy", np.zeros(3))
    outcome = layerscope(
        "decode", tiny_models / "conv.onnx", "--latent", tmp_path / "z.npy",
        "-o", tmp_path / "x.png",
    )  # fmt: skip

    assert "was to turn latents into pictures, but it is for" in complaint(outcome)
