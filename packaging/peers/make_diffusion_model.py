"""Write the Stable Diffusion that is measured: ``make_diffusion_model.py FOLDER``.

A tiny one with random weights, as diffusers saves it in ``torch`` and as Optimum
exports it in ``onnx``. Run it in the environment ``optimum``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from optimum.exporters.onnx import main_export
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

LENGTH, WORD, SIDE = 77, 32, 32
START, END = "<|startoftext|>", "<|endoftext|>"


def main(folder: Path) -> None:
    """Write both."""
    torch.manual_seed(0)
    source = folder / "torch"
    tokenizer = write_tokenizer(folder / "words")
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WORD,
            intermediate_size=2 * WORD,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    # As in diffusers' own tests, but twice as wide.
    unet = UNet2DConditionModel(
        sample_size=SIDE,
        layers_per_block=2,
        block_out_channels=(64, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WORD,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        sample_size=2 * SIDE,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(source)
    main_export(str(source), folder / "onnx", task="text-to-image", do_validation=False)
    (folder / "complete").touch()


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write and return a tokenizer whose tokens are letters."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
    pieces = [START, END, *letters, *(f"{one}</w>" for one in letters)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=LENGTH,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
