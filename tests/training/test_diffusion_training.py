"""Test of text to image: the quick script, the folder it leaves, the bundled one."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from tests.raw_onnxruntime import raw_session
from tokenizers import Tokenizer

from training import clip_text, digit_captions, digits, latent_diffusion
from training.diffusion_sampling import Sampler

COMPONENTS = ("text_encoder", "unet", "vae_decoder", "vae_encoder")


@pytest.fixture(scope="module")
def quick_folder(checkout, tmp_path_factory):
    """The folder that ``train.py --quick`` leaves."""
    place = tmp_path_factory.mktemp("quick")
    run = subprocess.run(
        [sys.executable, checkout / "models/digits-diffusion/train.py", "--quick"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(checkout / "models"), "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert run.returncode == 0, run.stderr
    (index,) = place.rglob("model_index.json")
    return index.parent


@pytest.fixture(scope="module")
def bundled(checkout):
    return checkout / "models" / "digits-diffusion"


@pytest.mark.slow
def test_quick_script_leaves_what_a_pipeline_needs(quick_folder):
    index = json.loads((quick_folder / "model_index.json").read_text())
    made = Sampler(quick_folder).pictures(["a seven", "", "7"], seed=3, steps=2)

    assert set(COMPONENTS) | {"tokenizer", "scheduler"} <= set(index)
    assert made.shape == (3, 3, 32, 32)
    assert np.isfinite(made).all()
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        assert (quick_folder / "tokenizer" / name).is_file()


@pytest.mark.slow
def test_quick_graphs_keep_module_names_and_nothing_of_this_machine(
    quick_folder, checkout
):
    for name in COMPONENTS:
        path = quick_folder / name / "model.onnx"
        model = onnx.load(path)
        assert model.ir_version <= 10
        assert {entry.version for entry in model.opset_import} == {18}
        assert str(checkout).encode() not in path.read_bytes()
    unet = onnx.load(quick_folder / "unet" / "model.onnx")
    softmaxes = {node.name for node in unet.graph.node if node.op_type == "Softmax"}
    block = "transformer_blocks.0.attn2.softmax"
    assert f"down_blocks.0.attentions.0.{block}" in softmaxes
    assert f"mid_block.attentions.0.{block}" in softmaxes
    assert f"up_blocks.1.attentions.1.{block}" in softmaxes


def test_cross_attention_of_the_bundled_unet_is_a_probability_of_words(bundled):
    model = onnx.load(bundled / "unet" / "model.onnx")
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.softmax"
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    feeds = {
        "sample": np.zeros((2, 4, 8, 8), np.float32),
        "timestep": np.array([500]),
        "encoder_hidden_states": np.ones((2, 16, 64), np.float32),
    }

    _, attention = raw_session(model.SerializeToString()).run(None, feeds)

    assert attention.shape == (2, 4, 64, 16)
    assert attention.sum(-1) == pytest.approx(np.ones((2, 4, 64)), abs=1e-4)


def test_bundled_folder_states_the_sizes_that_its_graphs_have(bundled):
    unet = json.loads((bundled / "unet/config.json").read_text())
    vae = json.loads((bundled / "vae_decoder/config.json").read_text())
    tokens = json.loads((bundled / "tokenizer/tokenizer_config.json").read_text())
    latent = np.zeros((1, unet["in_channels"], *[unet["sample_size"]] * 2), np.float32)

    (picture,) = raw_session(bundled / "vae_decoder/model.onnx").run(
        None, {"latent_sample": latent}
    )
    ids = np.zeros((1, tokens["model_max_length"]), np.int32)
    (words,) = raw_session(bundled / "text_encoder/model.onnx").run(
        None, {"input_ids": ids}
    )

    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    assert picture.shape == (1, 3, *[unet["sample_size"] * factor] * 2)
    assert words.shape[2] == unet["cross_attention_dim"]
    assert sum(f.stat().st_size for f in bundled.rglob("*.onnx")) < 15_000_000


def test_bundled_model_draws_what_is_asked_for(bundled, checkout):
    asked = [f"a handwritten {word}" for word in digits.WORDS]
    made = Sampler(bundled).pictures(asked, seed=5, steps=20)
    ink = ((made + 1) / 2).clip(0, 1).max(axis=1, keepdims=True)

    reader = raw_session(checkout / "models/digits-cnn/model.onnx")
    (logits,) = reader.run(None, {"pixel_values": ink.astype(np.float32)})

    assert (logits.argmax(1) == np.arange(10)).sum() >= 8


def test_bundled_model_takes_colour_from_the_words(bundled):
    made = Sampler(bundled).pictures(["a red 0", "a blue 0"], seed=5, steps=10)

    red, blue = made.mean(axis=(2, 3))
    assert red[0] > red[2] + 0.1
    assert blue[2] > blue[0] + 0.1


def test_same_seed_same_picture(bundled):
    sampler = Sampler(bundled)

    one, again, other = (
        sampler.pictures(["a 4"], seed=seed, steps=3) for seed in (1, 1, 2)
    )

    assert (one == again).all()
    assert np.abs(one - other).max() > 0.1


def test_each_word_of_a_caption_is_one_token(bundled):
    tokenizer = Tokenizer.from_file(str(bundled / "tokenizer/tokenizer.json"))

    code = tokenizer.encode("A thin  Seven slanted left, 7")

    words = ["a", "thin", "seven", "slanted", "left", ",", "7"]
    assert code.tokens[0] == clip_text.START
    assert code.tokens[-1] == clip_text.END
    assert code.tokens[1:-1] == [f"{word}</w>" for word in words]


def test_long_captions_are_cut_and_keep_their_end():
    tokenizer = clip_text.tokenizer_of(["a", "b"])

    long, short = clip_text.encoded(tokenizer, ["a b " * 20, "a"])

    end = tokenizer.token_to_id(clip_text.END)
    assert len(long) == len(short) == clip_text.LENGTH
    assert long[-1] == end
    assert short[2:] == [end] * (clip_text.LENGTH - 2)


def test_captions_name_only_what_the_picture_shows():
    split = digits.load()[0]
    generator = latent_diffusion.torch.Generator().manual_seed(0)
    pictures, looks = digit_captions.pictured(split, 40, generator)
    random = np.random.default_rng(0)

    for index in range(40):
        words = set(looks.caption(index, random).split())
        digit = int(looks.digit[index])
        assert words & {str(digit), digits.WORDS[digit]}
        named = words & set(digit_captions.COLOURS)
        assert named <= {tuple(digit_captions.COLOURS)[looks.colour[index]]}
    assert pictures.min() >= -1
    assert pictures.max() <= 1


def test_training_that_was_stopped_goes_on(tmp_path):
    recipe = latent_diffusion.Recipe(vae_steps=4, vae_widths=(8, 8), vae_batch_size=2)
    torch = latent_diffusion.torch
    half = tmp_path / "half.pt"

    def batches(generator, n):
        return torch.rand(n, 3, 8, 8, generator=generator)

    first = latent_diffusion.networks(recipe, 10)
    latent_diffusion.train_autoencoder(first, recipe, batches, half, limit_s=0.0)
    done = torch.load(half, weights_only=True)["step"]
    again = latent_diffusion.networks(recipe, 10)
    latent_diffusion.train_autoencoder(again, recipe, batches, half)

    assert done < 4
    assert torch.load(half, weights_only=True)["step"] == 4
