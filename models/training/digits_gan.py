"""A generative adversarial network that draws 32x32 digits.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2015 (https://arxiv.org/abs/1511.06434), with the hinge loss and
spectral normalisation of Miyato et al., 2018 (https://arxiv.org/abs/1802.05957), and
with real and drawn digits distorted alike before they are judged: Zhao et al.,
"Differentiable Augmentation for Data-Efficient GAN Training", 2020
(https://arxiv.org/abs/2006.10738). The critic also names the digit, and the largest of
the first ten random numbers says which it is to be, so that less is drawn that lies
between two: Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs",
2016 (https://arxiv.org/abs/1610.09585). An average of the generator over training is
kept.
"""

from __future__ import annotations

import copy
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from training import cards, digit_reader, digits, publish, quick

LATENT = 32
STEPS = 2400
BATCH_SIZE = 64
GENERATOR_RATE, CRITIC_RATE = 1.5e-3, 1.5e-3
AVERAGE = 0.995  # of the averaged generator that stays at each step
CHOICE = 10  # numbers of the latent that choose the digit
SHARPNESS = 10.0  # of the choice: how little the second largest number counts
NAMING = 0.5  # weight of naming beside looking real
N_JUDGED = 1000
SURE = 0.9
CHECKPOINT_S = 30.0
DISTORTION = {"degrees": 10, "shift": 0.12, "scale": 0.15, "shear": 0.1}
STRAIGHT = {"degrees": 0, "shift": 0, "scale": 0, "shear": 0}


class Grow(nn.Module):
    """Twice the size, then a 3x3 convolution, normalisation and ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.larger = nn.Upsample(scale_factor=2)
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, 2 h, 2 w)."""
        return self.relu(self.norm(self.conv(self.larger(x))))


class Generator(nn.Module):
    """Draw a digit from 32 random numbers, the first ten of which choose it."""

    def __init__(self) -> None:
        super().__init__()
        self.choice = nn.Softmax(1)
        self.project = nn.Linear(LATENT, 64 * 16, bias=False)
        self.unflatten = nn.Unflatten(1, (64, 4, 4))
        self.norm = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.grow8 = Grow(64, 32)
        self.grow16 = Grow(32, 16)
        self.larger = nn.Upsample(scale_factor=2, mode="bilinear")
        self.draw = nn.Conv2d(16, 1, 3, padding=1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Map (n, 32) standard normal numbers to (n, 1, 32, 32) pictures, 0 to 1."""
        digit = self.choice(SHARPNESS * latent[:, :CHOICE])
        x = self.project(torch.cat([digit, latent[:, CHOICE:]], 1))
        x = self.relu(self.norm(self.unflatten(x)))
        return self.sigmoid(self.draw(self.larger(self.grow16(self.grow8(x)))))


class Critic(nn.Module):
    """Say how real a picture looks, and which digit it is."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((1, 16), (16, 32), (32, 64)):
            conv = nn.Conv2d(before, after, 4, stride=2, padding=1)
            layers += [spectral_norm(conv), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.real = spectral_norm(nn.Linear(64 * 16, 1))
        self.digit = nn.Linear(64 * 16, 10)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, 1, 32, 32) to (n, 1) numbers, real above 0, and (n, 10) logits."""
        seen = self.body(pictures)
        return self.real(seen), self.digit(seen)


def train_and_publish(folder: Path) -> None:
    """Train the generator, export it, have it judged, write its card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    """
    quick_run = quick.arguments(folder.name).quick
    quick.threads()
    torch.manual_seed(0)
    train, _ = digits.load()
    averaged = _train(
        train,
        None if quick_run else quick.checkpoint_folder() / f"{folder.name}.pt",
        seconds=quick.time_limit(quick_run),
    )
    target = quick.target_folder(folder, quick_run)
    model = publish.exported(
        averaged, torch.zeros(2, LATENT), inputs=["latent"], outputs=["picture"]
    )
    onnx.save(model, target / publish.MODEL_FILE)
    config = {
        "architectures": ["DCGANGenerator"],
        "model_type": "gan",
        "image_size": digits.SIZE,
        "num_channels": 1,
        "latent_size": LATENT,
    }
    publish.write_json(target / "config.json", config)
    np.savez_compressed(target / "sample.npz", latent=latents(10))
    publish.write_json(target / "samples.json", {"inputs": "sample.npz"})
    judge = digit_reader.reader(epochs=1) if quick_run else digit_reader.reader()
    share, counts = judged(drawn(target, N_JUDGED), judge)
    _write_card(target, folder.name, share, counts)
    sys.stdout.write(f"{target}: {100 * share:.1f} % surely digits, {counts}\n")


def latents(n: int) -> npt.NDArray[np.float32]:
    """Return (n, 32) standard normal numbers, always the same."""
    return np.random.default_rng(0).standard_normal((n, LATENT), dtype=np.float32)


def drawn(folder: Path, n: int) -> npt.NDArray[np.float32]:
    """Return n pictures of the published generator, (n, 1, 32, 32)."""
    session = publish.cpu_session(folder / publish.MODEL_FILE)
    (pictures,) = session.run(["picture"], {"latent": latents(n)})
    return pictures


def judged(
    pictures: npt.NDArray[np.float32], judge: nn.Module
) -> tuple[float, list[int]]:
    """Return the share that is surely some digit, and how many of each digit.

    Parameters
    ----------
    pictures : (n, 1, 32, 32) float32 array
        As `drawn`.
    judge : nn.Module
        What `digit_reader.reader` returns.

    Returns
    -------
    share : float
        Of the pictures, those that the judge names with at least 0.9.
    counts : list of int
        Of these, how often each digit.
    """
    with torch.inference_mode():
        sureness, answer = judge(torch.from_numpy(pictures)).softmax(1).max(1)
    sure = sureness >= SURE
    counts = torch.bincount(answer[sure], minlength=10).tolist()
    return float(sure.float().mean()), counts


def sure_share(folder: Path) -> float:
    """Return the share of 1,000 drawn pictures that are surely some digit."""
    return judged(drawn(folder, N_JUDGED), digit_reader.reader())[0]


def _train(
    train: digits.Split, checkpoint: Path | None, seconds: float | None
) -> nn.Module:
    """Return the averaged generator."""
    generator, critic = Generator(), Critic()
    parts = {
        "generator": generator,
        "critic": critic,
        "averaged": copy.deepcopy(generator).requires_grad_(False),
        "by_generator": torch.optim.Adam(
            generator.parameters(), GENERATOR_RATE, betas=(0.0, 0.99)
        ),
        "by_critic": torch.optim.Adam(
            critic.parameters(), CRITIC_RATE, betas=(0.0, 0.99)
        ),
    }
    done = 0
    if checkpoint is not None and checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        done = saved.pop("done")
        for name, state in saved.items():
            parts[name].load_state_dict(state)
    random = torch.Generator().manual_seed(done)
    saved_at = time.monotonic()
    for real, labels in digits.batches(
        train, STEPS - done, random, batch_size=BATCH_SIZE, seconds=seconds, **STRAIGHT
    ):
        rate = min(1.0, 2 * (1 - done / STEPS))
        _step(parts, (real, labels), rate, random)
        done += 1
        if checkpoint is not None and time.monotonic() - saved_at > CHECKPOINT_S:
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save({"done": done, **states}, checkpoint)
            saved_at = time.monotonic()
            sys.stdout.write(f"{done}/{STEPS} batches\n")
            sys.stdout.flush()
    return parts["averaged"].eval()


def _step(
    parts: dict[str, nn.Module | torch.optim.Optimizer],
    batch: tuple[torch.Tensor, torch.Tensor],
    rate: float,
    random: torch.Generator,
) -> None:
    """Let critic and generator learn from one batch each."""
    generator, critic = parts["generator"], parts["critic"]
    for name, peak in (("by_critic", CRITIC_RATE), ("by_generator", GENERATOR_RATE)):
        for group in parts[name].param_groups:
            group["lr"] = peak * rate
    real, labels = batch
    latent = torch.randn(len(real), LATENT, generator=random)
    fake = generator(latent)
    both = torch.cat([real, fake.detach()])
    score, names = critic(digits.distorted(both, random, **DISTORTION))
    real_score, fake_score = score.chunk(2)
    margins = functional.relu(1 - real_score) + functional.relu(1 + fake_score)
    named = functional.cross_entropy(names[: len(real)], labels)
    parts["by_critic"].zero_grad(set_to_none=True)
    (margins.mean() + NAMING * named).backward()
    parts["by_critic"].step()
    critic.requires_grad_(False)
    score, names = critic(digits.distorted(fake, random, **DISTORTION))
    named = functional.cross_entropy(names, latent[:, :CHOICE].argmax(1))
    parts["by_generator"].zero_grad(set_to_none=True)
    (NAMING * named - score.mean()).backward()
    parts["by_generator"].step()
    critic.requires_grad_(True)
    averaged = parts["averaged"].state_dict()
    for name, value in generator.state_dict().items():
        if value.is_floating_point():
            averaged[name].lerp_(value, 1 - AVERAGE)


def _write_card(target: Path, model_id: str, share: float, counts: list[int]) -> None:
    size = (target / publish.MODEL_FILE).stat().st_size / 1e3
    cards.write_card(
        target,
        model_id=model_id,
        title="Digits GAN",
        task="unconditional-image-generation",
        dataset=digits.DATASET,
        dataset_name=digits.DATASET_NAME,
        metric_type="accuracy",
        metric="Read as a digit with confidence 0.9 or more",
        value=share,
        teaches=(
            "How a network that has never been shown a digit, only been told whether "
            "it fooled a critic, grows digits out of random numbers."
        ),
        tags=["gan", "dcgan"],
        body=_BODY.format(
            percent=100 * share,
            counts=", ".join(f"{n} x {digit}" for digit, n in enumerate(counts)),
            size=size,
            steps=STEPS,
        ),
    )


_BODY = """\
# Digits GAN

Draws a handwritten digit from 32 random numbers, in one step. The largest of the first
ten numbers chooses the digit, the other 22 the handwriting.

| | |
|---|---|
| Surely a digit | {percent:.1f} % of 1,000 pictures: read with 0.9 or more |
| Size | {size:,.0f} kB, opset 18, float32 |
| Training | {steps:,} batches of 64, `train.py` beside this |

A critic learnt beside it to tell real digits from drawn ones, and to name them; it is
not part of this folder. The reader is another classifier trained apart, on real digits,
on blends of two, and on noise and scrambled digits, which it learns to be unsure of.
What it was sure of: {counts}.

`make verify-models` draws and reads them again.

## Input and output

`latent`: float32, batch x 32, standard normal. `picture`: float32, batch x 1 x 32 x 32,
0 (paper) to 1 (ink). `sample.npz` holds ten of the 1,000.

## Limits

Between two digits lie pictures that are neither. Numbers far from zero draw scrawls.

## Sources

Data: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, CC BY 4.0, as it comes with scikit-learn. Model: Radford et
al., "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2015; training after Odena et al., 2016, Miyato et al., 2018, and
Zhao et al., 2020.
The weights are our own and Apache-2.0.
"""
