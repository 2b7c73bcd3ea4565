"""Each scheduler goes the same way as diffusers' own, step by step."""

import json
from pathlib import Path

import numpy as np
import pytest

from layerscope.core import diffusion
from layerscope.core.errors import BadInputError

N_STEPS = 20
SHAPE = (1, 1, 2, 2)
REFERENCE = json.loads((Path(__file__).parent / "diffusers.json").read_text())
CASES = REFERENCE["cases"]


def noise_of(number):
    return np.random.default_rng(number).standard_normal(SHAPE).astype(np.float32)


def network(shown, call):
    return (0.6 * np.tanh(shown) + 0.2 * noise_of(1000 + call)).astype(np.float32)


def name_of(case):
    config = case["config"]
    told = [str(v) for k, v in config.items() if k not in ("beta_start", "beta_end")]
    return "-".join([case["class"].removesuffix("Scheduler"), *told])


def walk(scheduler):
    drawn = 0

    def draw():
        nonlocal drawn
        drawn += 1
        return noise_of(drawn)

    sample = noise_of(0) * np.float32(scheduler.initial_scale)
    after = []
    for call in range(len(scheduler.timesteps)):
        answer = network(scheduler.scaled(sample, call), call)
        sample, _ = scheduler.step(answer, call, sample, draw)
        assert sample.dtype == np.float32
        after.append(sample.ravel())
    return after


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_twenty_steps_equal_diffusers(case):
    config = {"_class_name": case["class"], **case["config"]}
    scheduler = diffusion.from_config(config, N_STEPS)

    np.testing.assert_allclose(scheduler.timesteps, case["timesteps"], rtol=1e-5)
    assert scheduler.initial_scale == pytest.approx(case["initial_scale"], rel=1e-5)
    after = walk(scheduler)[4::5]
    np.testing.assert_allclose(after, case["after"], rtol=1e-5, atol=1e-5)


def test_reference_holds_every_scheduler():
    known = {diffusion.scheduler_of({"_class_name": c["class"]})[0] for c in CASES}
    known |= {"dpm++-2m-karras"}

    assert known == {kind.id for kind in diffusion.SCHEDULERS}


@pytest.mark.parametrize("kind", diffusion.SCHEDULERS, ids=lambda kind: kind.id)
def test_perfect_prediction_leads_to_the_clean_picture(kind):
    flow = kind.id == "flow-euler"
    clean = noise_of(5)
    scheduler = kind({"prediction_type": "sample", "clip_sample": False}, 12)
    sample = scheduler.noised(clean, noise_of(6), 0)

    for call in range(len(scheduler.timesteps)):
        sigma = scheduler.noise[call]
        answer = (sample - clean) / np.float32(sigma) if flow else clean
        sample, seen = scheduler.step(answer, call, sample, lambda: noise_of(7))
        if kind.id != "lcm":
            np.testing.assert_allclose(seen, clean, atol=1e-4)

    left = 0.05 if kind.id in ("lcm", "ddim") else 1e-3
    np.testing.assert_allclose(sample, clean, atol=left)


@pytest.mark.parametrize("kind", diffusion.SCHEDULERS, ids=lambda kind: kind.id)
def test_noise_falls_from_nearly_all_to_nearly_none(kind):
    scheduler = kind({}, 10)

    assert len(scheduler.noise) == len(scheduler.timesteps) + 1
    assert scheduler.noise[0] > 0.9
    assert scheduler.noise[-1] < 0.02
    assert (np.diff(scheduler.noise) <= 1e-6).all()


def test_related_scheduler_stands_in_and_says_so():
    found, note = diffusion.scheduler_of({"_class_name": "PNDMScheduler"})

    assert found == "ddim"
    assert "PNDMScheduler" in note


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"_class_name": "MagicScheduler"}, "MagicScheduler, which nobody here knows"),
        ({}, "not named"),
        (
            {"_class_name": "DDIMScheduler", "prediction_type": "mood"},
            "prediction type 'mood'",
        ),
        ({"_class_name": "DDIMScheduler", "beta_schedule": "wavy"}, "schedule 'wavy'"),
        ({"_class_name": "DDIMScheduler", "timestep_spacing": "odd"}, "spaced as"),
        ({"_class_name": "DDIMScheduler", "beta_start": "low"}, "no number"),
        ({"_class_name": "DDIMScheduler", "num_train_timesteps": 5}, "take 1 to 5"),
        ({"_class_name": "LCMScheduler", "original_inference_steps": 4}, "1 to 4"),
    ],
)
def test_what_nobody_knows_gives_a_sentence(config, said):
    with pytest.raises(BadInputError, match=said):
        diffusion.from_config(config, 10)
