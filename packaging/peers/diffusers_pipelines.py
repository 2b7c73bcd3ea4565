"""Write tiny random pipelines of diffusers as ONNX folders, with diffusers' pictures.

Run it where diffusers and transformers are installed, which the project itself does not
need, from the root of the checkout::

    PYTHONPATH=app:. python packaging/peers/diffusers_pipelines.py out/pipelines

The same is then asked of ``layerscope imagine out/pipelines/sd --prompt "a red digit"
--negative big --steps 6 --guidance 5 --seed 3 --size 16x16 -o out/ours.png``.

Each folder also gets ``theirs.npy``, the picture that diffusers makes of the same
noise, (16, 16, 3) float32 from 0 to 1; ours is to be the same but for rounding.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tests import diffusion_models
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE = "a red digit", "big", 3, 6, 5.0
LENGTH, N_LAYERS = 8, 3
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
BLOCKS = {
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "sample_size": 8,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 8,
}


class Called(nn.Module):
    """A module whose forward pass is a function of others."""

    def __init__(self, function: Callable[..., Any], module: nn.Module) -> None:
        super().__init__()
        self.function, self.module = function, module

    def forward(self, *args: torch.Tensor) -> Any:
        """Call the function."""
        return self.function(*args)


def export(
    folder: Path,
    module: Any,
    function: Callable[..., Any],
    inputs: dict[str, tuple[torch.Tensor, Sequence[int]]],
    outputs: Sequence[str],
) -> None:
    """Write a graph and its configuration; `inputs` also tell their open axes."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Called(function, module),
        tuple(example for example, _ in inputs.values()),
        str(folder / "model.onnx"),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes={
            name: {axis: "batch" if axis == 0 else f"{name}_{axis}" for axis in axes}
            for name, (_, axes) in inputs.items()
        },
        opset_version=18,
        dynamo=False,
    )
    config = json.dumps(
        getattr(module.config, "to_dict", lambda: dict(module.config))()
    )
    (folder / "config.json").write_text(config, encoding="utf-8")


def text_encoder(folder: Path, *, projected: bool, layers: bool) -> nn.Module:
    """Make and write a text encoder."""
    config = CLIPTextConfig(
        vocab_size=60,
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=32,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    kind = CLIPTextModelWithProjection if projected else CLIPTextModel
    model = kind(config).eval()

    def run(ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        said = model(ids, output_hidden_states=True)
        first = (said.text_embeds,) if projected else ()
        return (*first, said.last_hidden_state, *(said.hidden_states if layers else ()))

    names = [*(["text_embeds"] if projected else []), "last_hidden_state"]
    if layers:
        names += [f"hidden_states.{number}" for number in range(N_LAYERS + 1)]
    ids = torch.zeros(1, LENGTH, dtype=torch.int64)
    export(folder, model, run, {"input_ids": (ids, (0,))}, names)
    return model


def autoencoder(folder: Path, **options: Any) -> AutoencoderKL:
    """Make an autoencoder and write both its halves."""
    model = AutoencoderKL(
        block_out_channels=[16, 32],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=8,
        **options,
    ).eval()
    latent, picture = torch.randn(1, 4, 8, 8), torch.randn(1, 3, 16, 16)
    export(
        folder / "vae_decoder",
        model,
        lambda z: model.decode(z).sample,
        {"latent_sample": (latent, (0, 2, 3))},
        ["sample"],
    )
    export(
        folder / "vae_encoder",
        model,
        lambda x: model.encode(x).latent_dist.parameters,
        {"sample": (picture, (0, 2, 3))},
        ["latent_parameters"],
    )
    return model


def tokenizer(folder: Path) -> CLIPTokenizer:
    """Write and load the tokenizer of the tests."""
    diffusion_models.write_tokenizer(folder)
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=LENGTH
    )


def finish(folder: Path, pipeline: Any, negative: str | None) -> None:
    """Write the rest of a folder, and the picture that diffusers makes."""
    pipeline.set_progress_bar_config(disable=True)
    noise = np.random.default_rng(SEED).standard_normal((1, 4, 8, 8), np.float32)
    made = pipeline(
        PROMPT,
        negative_prompt=negative,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=torch.from_numpy(noise),
        output_type="np",
        height=16,
        width=16,
    )
    np.save(folder / "theirs.npy", made.images[0])
    pipeline.scheduler.save_pretrained(folder / "scheduler")
    index = {
        "_class_name": type(pipeline).__name__,
        "force_zeros_for_empty_prompt": bool(
            pipeline.config.get("force_zeros_for_empty_prompt", False)
        ),
    }
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")


def stable_diffusion(folder: Path) -> None:
    """Write Stable Diffusion with DPM-Solver++ and Karras' noise levels."""
    words = tokenizer(folder / "tokenizer")
    text = text_encoder(folder / "text_encoder", projected=False, layers=False)
    unet = UNet2DConditionModel(
        **BLOCKS, cross_attention_dim=32, attention_head_dim=4
    ).eval()
    export(
        folder / "unet",
        unet,
        lambda sample, time, hidden: unet(sample, time, hidden).sample,
        {
            "sample": (torch.randn(2, 4, 8, 8), (0, 2, 3)),
            "timestep": (torch.tensor([1]), ()),
            "encoder_hidden_states": (torch.randn(2, LENGTH, 32), (0, 1)),
        },
        ["out_sample"],
    )
    pipeline = StableDiffusionPipeline(
        vae=autoencoder(folder),
        text_encoder=text,
        tokenizer=words,
        unet=unet,
        scheduler=DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    finish(folder, pipeline, NEGATIVE)


def stable_diffusion_xl(folder: Path) -> None:
    """Write Stable Diffusion XL with Euler's method."""
    words = [tokenizer(folder / name) for name in ("tokenizer", "tokenizer_2")]
    first = text_encoder(folder / "text_encoder", projected=False, layers=True)
    second = text_encoder(folder / "text_encoder_2", projected=True, layers=True)
    unet = UNet2DConditionModel(
        **BLOCKS,
        cross_attention_dim=64,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=8 * 6 + 32,
    ).eval()

    def run(
        sample: torch.Tensor,
        time: torch.Tensor,
        hidden: torch.Tensor,
        vector: torch.Tensor,
        sizes: torch.Tensor,
    ) -> torch.Tensor:
        more = {"text_embeds": vector, "time_ids": sizes}
        return unet(sample, time, hidden, added_cond_kwargs=more).sample

    export(
        folder / "unet",
        unet,
        run,
        {
            "sample": (torch.randn(2, 4, 8, 8), (0, 2, 3)),
            "timestep": (torch.tensor(1.0), ()),
            "encoder_hidden_states": (torch.randn(2, LENGTH, 64), (0, 1)),
            "text_embeds": (torch.randn(2, 32), (0,)),
            "time_ids": (torch.zeros(2, 6), (0,)),
        },
        ["out_sample"],
    )
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder(folder),
        text_encoder=first,
        text_encoder_2=second,
        tokenizer=words[0],
        tokenizer_2=words[1],
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            **BETAS, timestep_spacing="leading", steps_offset=1
        ),
        add_watermarker=False,
    )
    finish(folder, pipeline, None)


def stable_diffusion_3(folder: Path) -> None:
    """Write Stable Diffusion 3 without its third text encoder."""
    words = [tokenizer(folder / name) for name in ("tokenizer", "tokenizer_2")]
    texts = [
        text_encoder(folder / name, projected=True, layers=True)
        for name in ("text_encoder", "text_encoder_2")
    ]
    transformer = SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=72,
        pooled_projection_dim=64,
        out_channels=4,
    ).eval()
    export(
        folder / "transformer",
        transformer,
        lambda *given: transformer(*given).sample,
        {
            "hidden_states": (torch.randn(2, 4, 8, 8), (0,)),
            "encoder_hidden_states": (torch.randn(2, 16, 72), (0, 1)),
            "pooled_projections": (torch.randn(2, 64), (0,)),
            "timestep": (torch.ones(2), (0,)),
        },
        ["out_sample"],
    )
    vae = autoencoder(
        folder,
        shift_factor=0.06,
        scaling_factor=1.5,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae,
        text_encoder=texts[0],
        tokenizer=words[0],
        text_encoder_2=texts[1],
        tokenizer_2=words[1],
        text_encoder_3=None,
        tokenizer_3=None,
    )
    finish(folder, pipeline, NEGATIVE)


def main() -> None:
    """Write the folders that are asked for."""
    kinds = {
        "sd": stable_diffusion,
        "xl": stable_diffusion_xl,
        "sd3": stable_diffusion_3,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", choices=list(kinds))
    known = parser.parse_args()
    for name, write in kinds.items():
        if known.only in (None, name):
            torch.manual_seed(0)
            shutil.rmtree(known.output / name, ignore_errors=True)
            write(known.output / name)


if __name__ == "__main__":
    main()
