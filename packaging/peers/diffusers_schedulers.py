"""Write what diffusers' schedulers do in 20 steps, for tests to compare with.

Run it where diffusers is installed, which the project itself does not need::

    python packaging/peers/diffusers_schedulers.py tests/core/diffusion/diffusers.json

The network is a fixed function of what it is shown, and all noise is given, so that
every number can be repeated without torch; `network` and `noise_of` stand in the test
a second time.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch

N_STEPS = 20
SHAPE = (1, 1, 2, 2)
STABLE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}
COSINE = {
    "beta_schedule": "squaredcos_cap_v2",
    "timestep_spacing": "trailing",
    "clip_sample": True,
}
LINSPACE = {"timestep_spacing": "linspace", "beta_schedule": "linear"}
NO_SIGNAL = {
    **STABLE,
    "timestep_spacing": "trailing",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
}
THRESHOLD = {"thresholding": True, "sample_max_value": 1.5, "clip_sample": False}
KINDS = ("epsilon", "v_prediction", "sample")
CLASSES = {
    "DDIMScheduler": (STABLE, COSINE, LINSPACE, NO_SIGNAL, THRESHOLD),
    "DDPMScheduler": (
        STABLE,
        COSINE,
        LINSPACE,
        {"variance_type": "fixed_large"},
        THRESHOLD,
    ),
    "EulerDiscreteScheduler": (
        STABLE,
        COSINE,
        LINSPACE,
        NO_SIGNAL,
        {**STABLE, "use_karras_sigmas": True},
        {**STABLE, "final_sigmas_type": "sigma_min"},
    ),
    "EulerAncestralDiscreteScheduler": (STABLE, COSINE, LINSPACE),
    "DPMSolverMultistepScheduler": (
        STABLE,
        COSINE,
        LINSPACE,
        {**STABLE, "use_karras_sigmas": True},
        {**STABLE, "final_sigmas_type": "sigma_min"},
    ),
    "HeunDiscreteScheduler": (STABLE, COSINE, LINSPACE),
    "LCMScheduler": (STABLE, {"clip_sample": True}),
    "FlowMatchEulerDiscreteScheduler": (
        {"shift": 3.0},
        {},
        {"shift": 3.0, "shift_terminal": 0.1},
        {"shift": 3.0, "use_karras_sigmas": True},
        {"stochastic_sampling": True},
    ),
}


def noise_of(number: int) -> np.ndarray:
    """Return the noise of one draw."""
    return np.random.default_rng(number).standard_normal(SHAPE).astype(np.float32)


def network(shown: np.ndarray, call: int) -> np.ndarray:
    """Return what the network says of what it is shown."""
    return (0.6 * np.tanh(shown) + 0.2 * noise_of(1000 + call)).astype(np.float32)


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Return class and configuration of every case."""
    found = []
    for name, configs in CLASSES.items():
        for config in configs:
            kinds = KINDS if "prediction_type" not in config else ("",)
            if name.startswith("Flow"):
                kinds = ("",)
            for kind in kinds:
                if kind == "sample" and "Ancestral" in name:
                    continue  # diffusers refuses it
                found.append((name, {**config, "prediction_type": kind or "epsilon"}))
                if not kind:
                    found[-1][1].update(config)
    return found


def run(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return time steps and the sample after each call."""
    drawn = 0

    def given(*_: object, **__: object) -> torch.Tensor:
        nonlocal drawn
        drawn += 1
        return torch.from_numpy(noise_of(drawn))

    kind = getattr(diffusers, name)
    sys.modules[kind.__module__].randn_tensor = given
    known = kind().config
    scheduler = kind(**{key: value for key, value in config.items() if key in known})
    scheduler.set_timesteps(N_STEPS)
    first = getattr(scheduler, "init_noise_sigma", 1.0)
    sample = torch.from_numpy(noise_of(0)) * first
    after = []
    for call, time in enumerate(scheduler.timesteps):
        shown = sample
        if hasattr(scheduler, "scale_model_input"):
            shown = scheduler.scale_model_input(sample, time)
        answer = torch.from_numpy(network(shown.numpy(), call))
        sample = scheduler.step(answer, time, sample).prev_sample
        after.append([float(f"{x:.7g}") for x in sample.flatten().tolist()])
    return {
        "class": name,
        "config": config,
        "initial_scale": float(first),
        "timesteps": [float(f"{t:.7g}") for t in scheduler.timesteps.tolist()],
        "after": after[4::5],
    }


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    warnings.simplefilter("ignore")
    found = [run(name, config) for name, config in cases()]
    content = {"diffusers": diffusers.__version__, "cases": found}
    text = json.dumps(content, separators=(",", ":"))
    parser.parse_args().output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
