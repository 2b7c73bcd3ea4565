"""Text to image on handwritten digits: training, card and measured figure."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from training import (
    cards,
    clip_text,
    digit_captions,
    digit_reader,
    digits,
    latent_diffusion,
    publish,
    quick,
)
from training.diffusion_folder import write_folder
from training.diffusion_sampling import GUIDANCE, STEPS, Sampler

N_PICTURES = 24_000  # of the 1,437 scans, each about seventeen times
SAMPLES = (
    "a handwritten seven",
    "a bold red three slanted left",
    "a small thin nine",
    "the green number 5",
)
FRAMES = (
    "a handwritten {}",
    "a {}",
    "the number {}",
    "the digit {}",
    "{}",
    "a bold {}",
    "a thin {}",
    "a large {}",
    "a red {}",
    "a picture of a blue {}",
)


def prompts() -> list[tuple[str, int]]:
    """Return the 200 prompts that are measured, with the digit that each asks for."""
    return [
        (frame.format(name), digit)
        for digit in range(10)
        for frame in FRAMES
        for name in (digits.WORDS[digit], str(digit))
    ]


def measured(folder: Path) -> float:
    """Return the share of `prompts` whose picture is read as the digit asked for.

    Parameters
    ----------
    folder : Path
        What was published. Fixed seeds, raw onnxruntime, a classifier trained apart.
    """
    asked = prompts()
    made = Sampler(folder).pictures([text for text, _ in asked], seed=1)
    ink = digit_captions.ink_of(torch.from_numpy(made))
    with torch.inference_mode():
        read = digit_reader.reader()(ink).argmax(1).numpy()
    return float(np.mean(read == [digit for _, digit in asked]))


def train_and_publish(folder: Path, recipe: latent_diffusion.Recipe) -> None:
    """Train the networks, export them, measure the pictures, write the card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``.
    recipe : Recipe
        Sizes and lengths.
    """
    hurry = quick.arguments(folder.name).quick
    quick.threads()
    target = quick.target_folder(folder, hurry)
    limit_s = 2.5 if hurry else None
    cache = None if hurry else quick.checkpoint_folder()
    train, held_out = digits.load()

    tokenizer = clip_text.tokenizer_of(digit_captions.all_words())
    nets = latent_diffusion.networks(recipe, tokenizer.get_vocab_size())
    nets.wordless = torch.tensor(clip_text.encoded(tokenizer, [""]), dtype=torch.int32)

    def batches(generator: torch.Generator, n: int) -> torch.Tensor:
        return digit_captions.pictured(train, n, generator)[0]

    for stage, learn in (
        ("vae", latent_diffusion.train_autoencoder),
        ("decoder", latent_diffusion.refine_decoder),
    ):
        checkpoint = cache and cache / f"{folder.name}-{stage}.pt"
        learn(nets, recipe, batches, checkpoint, limit_s)
    generator = torch.Generator().manual_seed(recipe.seed)
    pictures, looks = digit_captions.pictured(
        train, 256 if hurry else N_PICTURES, generator
    )
    latents = latent_diffusion.encoded(nets, pictures)

    def captions(generator: torch.Generator, index: torch.Tensor) -> torch.Tensor:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        random = np.random.default_rng(seed)
        texts = [looks.caption(i, random) for i in index.tolist()]
        return torch.tensor(clip_text.encoded(tokenizer, texts), dtype=torch.int32)

    latent_diffusion.train_denoiser(
        nets,
        recipe,
        latents,
        captions,
        cache and cache / f"{folder.name}-unet.pt",
        limit_s,
    )
    write_folder(target, nets, recipe, tokenizer, digits.SIZE)
    publish.write_json(target / "samples.json", {"text": SAMPLES})
    figure = 0.0 if hurry else measured(target)
    seen = digit_captions.pictured(held_out, 360, generator)[0].numpy()
    error = float(np.abs(Sampler(target).there_and_back(seen) - seen).mean() / 2)
    _write_card(target, figure, error, nets)
    sys.stdout.write(f"{target}: {100 * figure:.1f} % of 200 read as prompted\n")


def _write_card(
    folder: Path, figure: float, error: float, nets: latent_diffusion.Networks
) -> None:
    size = sum(file.stat().st_size for file in folder.rglob("*.onnx"))
    body = _BODY.format(
        percent=100 * figure,
        steps=STEPS,
        guidance=GUIDANCE,
        error=100 * error,
        unet=sum(p.numel() for p in nets.unet.parameters()),
        text=sum(p.numel() for p in nets.text.parameters()),
        vae=sum(p.numel() for p in nets.vae.parameters()),
        megabytes=size / 1e6,
        colours=", ".join(digit_captions.COLOURS),
    )
    cards.write_card(
        folder,
        title="Digits from words",
        task="text-to-image",
        dataset=digits.DATASET,
        dataset_name=digits.DATASET_NAME,
        metric_type="accuracy",
        metric="Read as the prompted digit",
        value=figure,
        teaches=(
            "How a picture comes out of noise step by step, and which word of the "
            "prompt each part of it listens to."
        ),
        body=body,
        tags=("stable-diffusion", "onnx"),
        model_id="digits-diffusion",
    )


_BODY = """\
# Digits from words: a small Stable Diffusion

Draws the digit that a sentence asks for, as a picture of 32x32 pixels: text encoder,
U-Net and autoencoder in the layout and with the names of Stable Diffusion, small enough
that thirty steps take a second on one processor core.

| | |
|---|---|
| Read as prompted | {percent:.1f} % of 200, {steps} DDIM steps, guidance {guidance} |
| Autoencoder | mean error of {error:.2f} % of the range, scans held out |
| Parameters | U-Net {unet:,}, text encoder {text:,}, autoencoder {vae:,} |
| Size | {megabytes:.1f} MB, float32 |

The 200 prompts are in `training/digits_diffusion.py`; what they give is read by a
classifier that was trained apart, from another seed, on scans. `make verify-models`
measures the figure again with raw onnxruntime.

## Prompts

"a handwritten seven", "7", "a bold red three slanted left", "a small thin nine". It
knows the ten digits, in words and as numerals, the colours {colours}, thin and bold,
small and large, slanted left and slanted right. What a prompt leaves open is drawn by
lot. The empty prompt gives any digit.

## Files

`text_encoder`: `input_ids` int32, batch x 16, filled up with `<|endoftext|>`, to
`last_hidden_state`. `unet`: `sample` batch x 4 x 8 x 8, `timestep` int64 of one number,
`encoder_hidden_states` to `out_sample`, the velocity. `vae_decoder`: `latent_sample`,
divided by `scaling_factor`, to `sample` batch x 3 x 32 x 32, -1 to 1. `vae_encoder` the
other way, without chance.

## Limits

It has never seen a letter, two digits at once or a word that is not on the list above;
such a prompt gives something, and it means nothing.

## Sources

Data: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", 1998, as it
comes with scikit-learn, enlarged, slanted and coloured; CC BY 4.0. Method: Rombach et
al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022. The weights
are our own and Apache-2.0.
"""
