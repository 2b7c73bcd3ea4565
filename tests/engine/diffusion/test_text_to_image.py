"""Text to image on tiny random pipelines, against the same by raw onnxruntime."""

import json

import numpy as np
import pytest
from tests import diffusion_models
from tests.raw_onnxruntime import raw_session

from layerscope.core.made_with import MadeWith
from layerscope.protocol.answers import Denoising, PictureAnswer
from layerscope.protocol.inputs import PictureArray, TokenIds, TypedText
from layerscope.protocol.messages import Noted, RunAnswered

PROMPT = TypedText.of("a big red digit")
TOKENS = [0, 2, 6, 3, 5, 1]


def raw_ddim(folder, ids, *, steps, guidance, seed, n_tokens=8):
    """Return what DDIM makes of the graphs of a folder: an oracle in plain numpy."""
    sessions = {
        name: raw_session(str(folder / name / "model.onnx"))
        for name in ("text_encoder", "unet", "vae_decoder")
    }

    def hidden(tokens):
        padded = tokens + [1] * (n_tokens - len(tokens))
        return sessions["text_encoder"].run(None, {"input_ids": np.int32([padded])})[0]

    words = np.concatenate([hidden([0, 1]), hidden(ids)])
    alphas = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    latent = np.random.default_rng(seed).standard_normal((1, 4, 8, 8), np.float32)
    times = np.arange(steps)[::-1] * (1000 // steps) + 1
    for time in times:
        before, alpha = time - 1000 // steps, alphas[time]
        following = alphas[before] if before >= 0 else alphas[0]
        feeds = {
            "sample": np.repeat(latent, 2, 0).astype(np.float32),
            "timestep": np.array([time]),
            "encoder_hidden_states": words,
        }
        without, wanted = np.split(sessions["unet"].run(None, feeds)[0], 2)
        noise = without + guidance * (wanted - without)
        clean = (latent - (1 - alpha) ** 0.5 * noise) / alpha**0.5
        latent = following**0.5 * clean + (1 - following) ** 0.5 * noise
    feeds = {"latent_sample": (latent / 0.5).astype(np.float32)}
    picture = sessions["vae_decoder"].run(None, feeds)[0][0]
    return np.clip(picture.transpose(1, 2, 0) * 127.5 + 127.5, 0, 255)


def test_picture_equals_the_pipeline_in_plain_numpy(stable, stable_folder):
    settings = {"steps": 6, "guidance": 4.0, "seed": 3}
    stable.run({"prompt": PROMPT}, settings)

    wanted = raw_ddim(stable_folder, TOKENS, steps=6, guidance=4.0, seed=3)
    picture = stable.picture()
    assert picture.shape == (16, 16, 3)
    np.testing.assert_allclose(picture, wanted, atol=0.51)
    assert picture.std() > 5


def test_task_and_its_form_are_told(stable):
    told = next(e for e in stable.opened if type(e).__name__ == "TaskExplained")

    assert told.task == "diffusion"
    assert told.stepped
    assert {"denoising-steps", "cross-attention"} <= set(told.lenses)
    names = [slot.name for slot in told.slots]
    assert names == ["prompt", "negative_prompt", "second_prompt", "image", "mask"]
    assert all(slot.optional for slot in told.slots[1:])
    scheduler = next(s for s in told.settings if s.name == "scheduler")
    assert scheduler.default == "ddim"
    assert "flow-euler" not in scheduler.choices


def test_every_step_is_shown(stable):
    stable.run({"prompt": PROMPT}, {"steps": 5})

    steps = stable.stepped
    assert [event.step for event in steps] == list(range(6))
    assert all(event.n_steps == 6 for event in steps)
    parts = [event.answer.parts for event in steps]
    told = [next(p for p in part if isinstance(p, Denoising)) for part in parts]
    assert [one.step for one in told] == list(range(6))
    assert told[0].words == ("a", "big", "red", "digit")
    assert len(told[0].noise) == 6
    assert told[0].noise[0] > 0.9 > told[0].noise[-2]
    assert told[-1].preview == "decoded"
    assert len(stable.frames) == 6
    assert all(f.pictures["answer:picture"].shape == (16, 16, 3) for f in stable.frames)


def test_same_seed_gives_the_same_picture_and_another_seed_another(stable):
    settings = {"steps": 4, "scheduler": "euler-ancestral"}
    first = stable.run({"prompt": PROMPT}, {**settings, "seed": 7}).picture()
    again = stable.run({"prompt": PROMPT}, {**settings, "seed": 7}).picture()
    other = stable.run({"prompt": PROMPT}, {**settings, "seed": 8}).picture()

    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).max() > 10


def test_pictures_of_a_batch_are_those_of_their_seeds(stable):
    settings = {"steps": 4, "scheduler": "ddpm"}
    batch = stable.run({"prompt": PROMPT}, {**settings, "count": 3, "seed": 5})
    answer = batch.answer.parts[0]
    both = batch.picture()
    single = stable.run({"prompt": PROMPT}, {**settings, "seed": 6}).picture()

    assert (answer.width, answer.height) == (32, 32)
    assert np.abs(both[:16, 16:32].astype(int) - single).max() <= 1
    assert (both[16:, 16:] == 128).all()  # three pictures leave one place of four


@pytest.mark.parametrize(
    "change",
    [
        {"guidance": 9.0},
        {"prompt": TypedText.of("small")},
        {"negative_prompt": TypedText.of("small digit")},
        {"scheduler": "euler"},
        {"prediction": "v_prediction"},
        {"steps": 9},
        {"second_seed": 4, "blend": 0.5},
        {"second_prompt": TypedText.of("small"), "blend": 0.5},
    ],
    ids=lambda change: "-".join(change),
)
def test_everything_that_can_be_set_changes_the_picture(stable, change):
    inputs, settings = {"prompt": PROMPT}, {"steps": 4}
    plain = stable.run(inputs, settings).picture()
    for name, value in change.items():
        (inputs if isinstance(value, TypedText) else settings)[name] = value
    changed = stable.run(inputs, settings).picture()

    assert np.abs(plain.astype(int) - changed).max() > 2


def test_blending_goes_from_one_picture_to_the_other(stable):
    other = TypedText.of("small")
    blend = {"steps": 4, "seed": 1, "second_seed": 2}
    inputs = {"prompt": PROMPT, "second_prompt": other}
    start = stable.run({"prompt": PROMPT}, {"steps": 4, "seed": 1}).picture()
    end = stable.run({"prompt": other}, {"steps": 4, "seed": 2}).picture()

    at_start = stable.run(inputs, {**blend, "blend": 0.0}).picture()
    at_end = stable.run(inputs, {**blend, "blend": 1.0}).picture()

    np.testing.assert_array_equal(at_start, start)
    assert np.abs(at_end.astype(int) - end).max() <= 1


def test_size_is_the_users(stable):
    picture = stable.run({"prompt": PROMPT}, {"steps": 2, "size": "24 32"}).picture()

    assert picture.shape == (24, 32, 3)


def test_without_guidance_the_network_is_run_once_a_step(stable):
    stable.run({"prompt": PROMPT}, {"steps": 3, "guidance": 1.0})

    assert stable.model.feeds["sample"].shape[0] == 1
    kinds = stable.ask("denoising-steps", what="steps")[2]["kinds"]
    assert kinds == ("picture", "latent", "cond")


def test_long_prompt_is_cut_and_that_is_told(stable):
    stable.run({"prompt": TypedText.of("red " * 30)}, {"steps": 2})

    notes = [event.text for event in stable.events if isinstance(event, Noted)]
    assert any("32 tokens; text_encoder takes 8" in note for note in notes)


def test_token_ids_are_taken_as_they_are(stable):
    typed = stable.run({"prompt": PROMPT}, {"steps": 3}).picture()
    given = stable.run({"prompt": TokenIds(ids=tuple(TOKENS))}, {"steps": 3}).picture()

    np.testing.assert_array_equal(typed, given)


def test_previews_come_near_the_decoded_pictures(stable):
    for mode in ("linear", "each step"):
        stable.run({"prompt": PROMPT}, {"steps": 4, "preview": mode})
        frames = [f.pictures["answer:picture"].astype(int) for f in stable.frames]
        if mode == "linear":
            estimated = frames
    off = [np.abs(a - b).mean() for a, b in zip(estimated, frames, strict=True)]
    spread = np.abs(frames[0] - frames[0].mean()).mean()

    assert off[-1] == 0
    assert 0 < off[0] < spread


def test_no_preview_leaves_only_the_end(stable):
    stable.run({"prompt": PROMPT}, {"steps": 4, "preview": "off"})

    assert "answer:picture" not in stable.frames[0].pictures
    assert stable.picture().shape == (16, 16, 3)


def test_answer_carries_what_it_was_made_with(stable):
    stable.run({"prompt": PROMPT}, {"steps": 3, "seed": 11})
    part = next(p for p in stable.answer.parts if isinstance(p, PictureAnswer))
    made = MadeWith.from_json(part.metadata)

    assert made.model == "tiny-sd"
    assert made.texts_given == {"prompt": "a big red digit"}
    assert made.settings["seed"] == 11
    assert made.settings["size"] == "16 16"
    assert json.loads(part.metadata)["task"] == "diffusion"
    assert made.pictures == ()


def test_answer_names_the_pictures_it_began_from(stable):
    grey = np.full((16, 16, 3), 90, dtype=np.uint8)
    image = PictureArray(array=stable.arena.put(grey))
    stable.run({"prompt": PROMPT, "image": image}, {"steps": 3})
    part = next(p for p in stable.answer.parts if isinstance(p, PictureAnswer))

    assert MadeWith.from_json(part.metadata).pictures == ("image",)


def test_stop_keeps_the_steps_there_are(stable):
    stable.run({"prompt": PROMPT}, {"steps": 9}, stop_after=4)

    assert not [e for e in stable.events if isinstance(e, RunAnswered)]
    numbers = stable.ask("denoising-steps", what="steps")[1]
    assert numbers["steps"] == (0.0, 1.0, 2.0, 3.0)
    picture = stable.ask("denoising-steps", what="picture", step=3)[0]["picture"]
    assert picture.shape == (16, 16, 3)


def test_xl_is_told_sizes_and_both_texts(engine, tmp_path):
    engine.open(diffusion_models.stable_diffusion_xl(tmp_path / "xl"))
    engine.run({"prompt": PROMPT}, {"steps": 3})
    feeds = engine.model.feeds

    assert feeds["encoder_hidden_states"].shape == (2, 8, 12)
    assert feeds["text_embeds"].shape == (2, 6)
    assert feeds["timestep"].shape == ()
    np.testing.assert_array_equal(feeds["time_ids"], [[16, 16, 0, 0, 16, 16]] * 2)
    sessions = [
        raw_session(str(tmp_path / "xl" / name / "model.onnx"))
        for name in ("text_encoder", "text_encoder_2")
    ]
    ids = [[*TOKENS, 1, 1]]
    layers = [
        dict(
            zip(
                [o.name for o in s.get_outputs()],
                s.run(None, {"input_ids": i}),
                strict=True,
            )
        )
        for s, i in zip(sessions, (np.int32(ids), np.int64(ids)), strict=True)
    ]
    hidden = np.concatenate([one["hidden_states.0"] for one in layers], axis=-1)
    np.testing.assert_allclose(feeds["encoder_hidden_states"][1:], hidden)
    np.testing.assert_allclose(feeds["text_embeds"][1:], layers[1]["text_embeds"])


def test_flow_transformer_takes_joined_texts(engine, tmp_path):
    engine.open(diffusion_models.stable_diffusion_3(tmp_path / "sd3"))
    engine.run({"prompt": PROMPT}, {"steps": 4})
    feeds = engine.model.feeds

    assert feeds["encoder_hidden_states"].shape == (2, 8 + 256, 20)
    assert feeds["pooled_projections"].shape == (2, 12)
    assert feeds["timestep"].shape == (2,)
    assert not feeds["encoder_hidden_states"][:, 8:].any()  # no third encoder
    assert engine.picture().std() > 0
    told = next(p for p in engine.answer.parts if isinstance(p, Denoising))
    np.testing.assert_allclose(told.noise[:2], [1.0, 0.858], atol=0.02)
