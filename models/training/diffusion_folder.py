"""Write latent diffusion networks as the folder that diffusers' ONNX export makes.

``text_encoder/``, ``unet/``, ``vae_encoder/`` and ``vae_decoder/`` hold a
``model.onnx`` and its ``config.json``; ``tokenizer/`` and ``scheduler/`` say how to
feed them, and ``model_index.json`` which pipeline they make.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from tokenizers import Tokenizer
from torch import nn

from training import publish
from training.clip_text import LENGTH, write_tokenizer
from training.latent_diffusion import (
    BETA_END,
    BETA_START,
    N_TIMESTEPS,
    Networks,
    Recipe,
)

COMPONENTS = ("text_encoder", "unet", "vae_decoder", "vae_encoder")


def write_folder(
    folder: Path, nets: Networks, recipe: Recipe, tokenizer: Tokenizer, size: int
) -> None:
    """Export the networks and write everything that a pipeline needs.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    nets : Networks
        Trained.
    recipe : Recipe
        What the networks were made with.
    tokenizer : Tokenizer
        Of the text encoder.
    size : int
        Pixels a side of a picture.
    """
    factor = 2 ** (len(recipe.vae_widths) - 1)
    small = size // factor
    ids = torch.zeros(2, LENGTH, dtype=torch.int32)
    words = torch.zeros(2, LENGTH, recipe.text_channels)
    latent = torch.zeros(2, recipe.latent_channels, small, small)
    picture = torch.zeros(2, recipe.picture_channels, size, size)
    _write(folder / "text_encoder", nets.text, [ids], ["input_ids"], LAST_HIDDEN)
    batch = torch.export.Dim("batch")
    _write(
        folder / "unet",
        nets.unet,
        [latent, torch.zeros(1, dtype=torch.int64), words],
        ["sample", "timestep", "encoder_hidden_states"],
        "out_sample",
        ({0: batch}, None, {0: batch}),
    )
    encoder, decoder = nets.vae.encoder, nets.vae.decoder
    _write(folder / "vae_encoder", encoder, [picture], ["sample"], "latent_sample")
    _write(folder / "vae_decoder", decoder, [latent], ["latent_sample"], "sample")
    _write_configs(folder, nets, recipe, tokenizer, size)


LAST_HIDDEN = "last_hidden_state"


def _write(
    folder: Path,
    network: nn.Module,
    examples: list[torch.Tensor],
    inputs: list[str],
    output: str,
    dynamic_shapes: tuple[dict[int, object] | None, ...] | None = None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = publish.exported(
        network,
        *examples,
        inputs=inputs,
        outputs=[output],
        dynamic_shapes=dynamic_shapes,
    )
    onnx.save(model, folder / publish.MODEL_FILE)


def _write_configs(
    folder: Path, nets: Networks, recipe: Recipe, tokenizer: Tokenizer, size: int
) -> None:
    n_sizes = len(recipe.vae_widths)
    vae = {
        "_class_name": "AutoencoderKL",
        "in_channels": recipe.picture_channels,
        "out_channels": recipe.picture_channels,
        "latent_channels": recipe.latent_channels,
        "block_out_channels": list(recipe.vae_widths),
        "down_block_types": ["DownEncoderBlock2D"] * n_sizes,
        "up_block_types": ["UpDecoderBlock2D"] * n_sizes,
        "layers_per_block": 1,
        "sample_size": size,
        "scaling_factor": round(nets.scaling_factor, 5),
    }
    widths = list(recipe.unet_widths)
    down = ["CrossAttnDownBlock2D"] * len(widths)
    unet = {
        "_class_name": "UNet2DConditionModel",
        "in_channels": recipe.latent_channels,
        "out_channels": recipe.latent_channels,
        "sample_size": size // 2 ** (n_sizes - 1),
        "block_out_channels": widths,
        "down_block_types": down,
        "up_block_types": ["CrossAttnUpBlock2D"] * len(widths),
        "layers_per_block": 1,
        "cross_attention_dim": recipe.text_channels,
        "attention_head_dim": 4,  # diffusers' word for the number of heads
    }
    text = {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "hidden_size": recipe.text_channels,
        "num_hidden_layers": len(nets.text.encoder.layers),
        "num_attention_heads": nets.text.encoder.layers[0].self_attn.n_heads,
        "max_position_embeddings": LENGTH,
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_act": "gelu",
    }
    for name, config in (
        ("vae_encoder", vae),
        ("vae_decoder", vae),
        ("unet", unet),
        ("text_encoder", text),
    ):
        publish.write_json(folder / name / "config.json", config)
    scheduler = {
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": N_TIMESTEPS,
        "beta_start": BETA_START,
        "beta_end": BETA_END,
        "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
    (folder / "scheduler").mkdir(exist_ok=True)
    publish.write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    write_tokenizer(tokenizer, folder / "tokenizer")
    onnx_model = ["diffusers", "OnnxRuntimeModel"]
    index = {
        "_class_name": "OnnxStableDiffusionPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        **dict.fromkeys(COMPONENTS, onnx_model),
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }
    publish.write_json(folder / "model_index.json", index)
