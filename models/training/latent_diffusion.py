"""Train a latent diffusion network: autoencoder first, then U-Net and text encoder.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022
(https://arxiv.org/abs/2112.10752); the network predicts the velocity of Salimans and
Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", 2022
(https://arxiv.org/abs/2202.00512), and learns to do without words, so that they can be
given more weight than they have: Ho and Salimans, "Classifier-Free Diffusion
Guidance", 2022 (https://arxiv.org/abs/2207.12598).
"""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from training.autoencoder_kl import AutoencoderKL
from training.clip_text import CLIPTextModel
from training.unet import UNet2DConditionModel

N_TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012  # Stable Diffusion's "scaled_linear"
WARM_UP_STEPS = 50
# Below one, noisy time steps are learnt more often, for there it is decided what the
# picture will show; where little noise is left the picture itself says it.
NOISINESS = 0.6
LOG_EVERY_S = 20.0
KEEP_EVERY_S = 60.0

Batches = Callable[[torch.Generator, int], torch.Tensor]
Captions = Callable[[torch.Generator, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Sizes and lengths.

    Attributes
    ----------
    picture_channels, latent_channels : int
    vae_widths, unet_widths, text_channels
        Channels at each size, the full one first; of the hidden states of a token.
    vae_steps, decoder_steps, unet_steps : int
        Of the autoencoder, of its decoder alone after that, and of the U-Net.
    vae_batch_size, batch_size : int
    vae_rate, unet_rate : float
        Peak of the learning rate, which falls to nothing along a half cosine.
    divergence_weight : float
        How much a code far from a normal one costs.
    average_decay : float
        Of the weights that are published, a moving average.
    wordless_share : float
        How often the words are left out.
    seed : int
    """

    picture_channels: int = 3
    latent_channels: int = 4
    vae_widths: tuple[int, ...] = (8, 24, 48)
    unet_widths: tuple[int, ...] = (32, 80)
    text_channels: int = 64
    vae_steps: int = 700
    decoder_steps: int = 700
    unet_steps: int = 5000
    vae_batch_size: int = 32
    batch_size: int = 32
    vae_rate: float = 4e-3
    unet_rate: float = 1.5e-3
    divergence_weight: float = 1e-3
    average_decay: float = 0.999
    wordless_share: float = 0.12
    seed: int = 0


@dataclass(slots=True)
class Networks:
    """What is trained, and the factor that gives latents a deviation of one.

    Attributes
    ----------
    vae, text, unet : nn.Module
    scaling_factor : float
    """

    vae: AutoencoderKL
    text: CLIPTextModel
    unet: UNet2DConditionModel
    scaling_factor: float = 1.0
    wordless: torch.Tensor = field(default_factory=lambda: torch.zeros(0))


def networks(recipe: Recipe, n_tokens: int) -> Networks:
    """Return untrained networks of the sizes of `recipe`."""
    torch.manual_seed(recipe.seed)
    return Networks(
        vae=AutoencoderKL(
            recipe.picture_channels, recipe.vae_widths, recipe.latent_channels
        ),
        text=CLIPTextModel(n_tokens, recipe.text_channels),
        unet=UNet2DConditionModel(
            recipe.latent_channels, recipe.unet_widths, recipe.text_channels
        ),
    )


def signal_shares() -> torch.Tensor:
    """Return the share of the signal's variance that is left at each time step."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, N_TIMESTEPS) ** 2
    return torch.cumprod(1 - betas, dim=0)


class Progress:
    """Steps of a training that can stop and go on: rate, log, checkpoint, deadline.

    Parameters
    ----------
    name : str
        For the log.
    steps : int
    peak : float
        Of the learning rate.
    optimiser : Optimizer
    kept : dict
        Name to module, all that is kept with the optimiser.
    checkpoint : Path, optional
    limit_s : float, optional
        Stop after so many seconds.
    """

    def __init__(
        self,
        name: str,
        steps: int,
        peak: float,
        optimiser: torch.optim.Optimizer,
        kept: dict[str, nn.Module],
        checkpoint: Path | None,
        limit_s: float | None,
    ) -> None:
        self.name, self.steps, self.peak = name, steps, peak
        self.optimiser, self.kept = optimiser, kept
        self.checkpoint, self.limit_s = checkpoint, limit_s
        self.step, self.loss = 0, 0.0
        self.started = self.logged = self.saved = time.monotonic()
        if checkpoint is not None and checkpoint.is_file():
            state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
            self.step = int(state["step"])
            optimiser.load_state_dict(state["optimiser"])
            for key, module in kept.items():
                module.load_state_dict(state[key])

    def going(self) -> bool:
        """Say whether there is another step, and set the learning rate for it."""
        now = time.monotonic()
        late = self.limit_s is not None and now - self.started > self.limit_s
        if self.step >= self.steps or late:
            self.save()
            return False
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        rate = self.peak * warm * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return True

    def did(self, loss: torch.Tensor) -> None:
        """Take one step down `loss`, and note it."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimiser.param_groups:
            nn.utils.clip_grad_norm_(group["params"], 1.0)
        self.optimiser.step()
        self.step += 1
        keep = 0.98 if self.step > 1 else 0.0
        self.loss = keep * self.loss + (1 - keep) * loss.item()
        now = time.monotonic()
        if now - self.logged > LOG_EVERY_S:
            self.logged = now
            sys.stdout.write(f"{self.name} {self.step}/{self.steps} {self.loss:.4f}\n")
            sys.stdout.flush()
        if now - self.saved > KEEP_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the checkpoint, if there is to be one."""
        self.saved = time.monotonic()
        if self.checkpoint is None:
            return
        state = {key: module.state_dict() for key, module in self.kept.items()}
        state |= {"step": self.step, "optimiser": self.optimiser.state_dict()}
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)


def train_autoencoder(
    nets: Networks,
    recipe: Recipe,
    batches: Batches,
    checkpoint: Path | None = None,
    limit_s: float | None = None,
) -> None:
    """Train ``nets.vae`` in place.

    Parameters
    ----------
    nets : Networks
        The autoencoder is trained, the others are left alone.
    recipe : Recipe
        Sizes and lengths.
    batches : callable
        Generator and batch size to (n, channels, h, w) pictures, -1 to 1.
    checkpoint : Path, optional
        Written each minute; a run that finds it goes on from there.
    limit_s : float, optional
        Stop after so many seconds.
    """
    optimiser = torch.optim.AdamW(
        nets.vae.parameters(), recipe.vae_rate, betas=(0.9, 0.99), weight_decay=1e-4
    )
    kept: dict[str, nn.Module] = {"vae": nets.vae}
    progress = Progress(
        "vae", recipe.vae_steps, recipe.vae_rate, optimiser, kept, checkpoint, limit_s
    )
    generator = torch.Generator().manual_seed(recipe.seed + progress.step)
    nets.vae.train().to(memory_format=torch.channels_last)
    while progress.going():
        sample = batches(generator, recipe.vae_batch_size)
        sample = sample.contiguous(memory_format=torch.channels_last)
        progress.did(nets.vae.loss(sample, recipe.divergence_weight))
    nets.vae.eval().requires_grad_(False).to(memory_format=torch.contiguous_format)


def refine_decoder(
    nets: Networks,
    recipe: Recipe,
    batches: Batches,
    checkpoint: Path | None = None,
    limit_s: float | None = None,
) -> None:
    """Train the decoder of ``nets.vae`` on, in place, with the codes as they are.

    Parameters
    ----------
    nets : Networks
        The encoder stays as it is, and with it what the U-Net learns.
    recipe : Recipe
        Sizes and lengths.
    batches : callable
        As for `train_autoencoder`.
    checkpoint : Path, optional
        Written each minute; a run that finds it goes on from there.
    limit_s : float, optional
        Stop after so many seconds.
    """
    decoder = nets.vae.decoder.requires_grad_(True)
    optimiser = torch.optim.AdamW(decoder.parameters(), recipe.vae_rate, (0.9, 0.99))
    progress = Progress(
        "decoder",
        recipe.decoder_steps,
        recipe.vae_rate,
        optimiser,
        {"decoder": decoder},
        checkpoint,
        limit_s,
    )
    generator = torch.Generator().manual_seed(recipe.seed + 1 + progress.step)
    decoder.train().to(memory_format=torch.channels_last)
    while progress.going():
        sample = batches(generator, recipe.vae_batch_size)
        with torch.no_grad():
            code = nets.vae.encoder(sample)
            # The U-Net's codes are never quite right, and must not look wrong.
            code += 0.05 * torch.randn(code.shape, generator=generator)
        error = decoder(code) - sample
        progress.did(error.abs().mean() + 4 * error.square().mean())
    decoder.eval().requires_grad_(False).to(memory_format=torch.contiguous_format)


@torch.inference_mode()
def encoded(nets: Networks, pictures: torch.Tensor) -> torch.Tensor:
    """Return the codes of `pictures`, and set the factor that scales them.

    Parameters
    ----------
    nets : Networks
        ``scaling_factor`` becomes one over the deviation of the codes.
    pictures : torch.Tensor
        (n, channels, h, w), -1 to 1.

    Returns
    -------
    torch.Tensor
        (n, latent, small, small), scaled to a deviation of one.
    """
    codes = torch.cat([nets.vae.encoder(part) for part in pictures.split(256)])
    nets.scaling_factor = float(1 / codes.std())
    return (codes * nets.scaling_factor).clone()


def train_denoiser(
    nets: Networks,
    recipe: Recipe,
    latents: torch.Tensor,
    captions: Captions,
    checkpoint: Path | None = None,
    limit_s: float | None = None,
) -> None:
    """Train ``nets.unet`` and ``nets.text``; they end as their moving averages.

    Parameters
    ----------
    nets : Networks
        ``wordless`` holds the (1, LENGTH) token ids of the empty text.
    recipe : Recipe
        Sizes and lengths.
    latents : torch.Tensor
        (n, latent, small, small), of deviation one.
    captions : callable
        Generator and (batch,) indices to (batch, LENGTH) token ids.
    checkpoint : Path, optional
        Written each minute; a run that finds it goes on from there.
    limit_s : float, optional
        Stop after so many seconds.
    """
    model = nn.ModuleDict({"unet": nets.unet, "text": nets.text})
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        recipe.unet_rate,
        betas=(0.9, 0.99),
        weight_decay=1e-3,
        fused=True,
    )
    progress = Progress(
        "unet",
        recipe.unet_steps,
        recipe.unet_rate,
        optimiser,
        {"model": model, "average": average},
        checkpoint,
        limit_s,
    )
    generator = torch.Generator().manual_seed(recipe.seed + progress.step)
    shares = signal_shares()
    averaged, learning = list(average.parameters()), list(model.parameters())
    model.train()
    while progress.going():
        n = recipe.batch_size
        index = torch.randint(len(latents), (n,), generator=generator)
        ids = captions(generator, index)
        silent = torch.rand(n, generator=generator) < recipe.wordless_share
        ids[silent] = nets.wordless
        clean = latents[index]
        noise = torch.randn(clean.shape, generator=generator)
        even = torch.rand(n, generator=generator)
        timestep = (N_TIMESTEPS * even**NOISINESS).long()
        share = shares[timestep][:, None, None, None]
        noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
        velocity = share.sqrt() * noise - (1 - share).sqrt() * clean
        answer = nets.unet(noisy, timestep, nets.text(ids))
        progress.did(functional.mse_loss(answer, velocity))
        decay = min(recipe.average_decay, (1 + progress.step) / (10 + progress.step))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, learning, 1 - decay)
    model.load_state_dict(average.state_dict())
    model.eval()
