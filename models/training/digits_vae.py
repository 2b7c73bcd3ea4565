"""A variational autoencoder of digits with a latent plane that can be shown whole.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2013
(https://arxiv.org/abs/1312.6114). Two numbers are few for ten digits, so labels pull
each code towards the centre of its digit while training: Snell et al., "Prototypical
Networks for Few-shot Learning", 2017 (https://arxiv.org/abs/1703.05175), with learnt
centres. The encoder sees turned and moved digits, the decoder draws them straight.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from training import cards, digit_classifiers, digits, publish, quick

LATENT = 2
STEPS = 4000
LEARNING_RATE = 3e-3
KL_WEIGHT = 1.0
SAMPLES_A_DIGIT = 4
PULL = 12.0  # nats of the picture that a nat of the label is worth
DISTORTION = {"degrees": 6, "shift": 0.04, "scale": 0.06, "shear": 0.05}
STRAIGHT = {"degrees": 0, "shift": 0, "scale": 0, "shear": 0}


class Encoder(nn.Module):
    """Map a picture to mean and logarithm of the variance of its code."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 4, stride=2, padding=1)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(64 * 16, 64)
        self.relu4 = nn.ReLU()
        self.mean = nn.Linear(64, LATENT)
        self.log_variance = nn.Linear(64, LATENT)

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, 1, 32, 32), 0 to 1, to two (n, 2) arrays."""
        x = self.relu1(self.conv1(picture))
        x = self.relu3(self.conv3(self.relu2(self.conv2(x))))
        x = self.relu4(self.hidden(self.flatten(x)))
        return self.mean(x), self.log_variance(x)


class Decoder(nn.Module):
    """Draw the picture of a code."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden1 = nn.Linear(LATENT, 128)
        self.hidden2 = nn.Linear(128, 48 * 16)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()
        self.unflatten = nn.Unflatten(1, (48, 4, 4))
        self.deconv1 = nn.ConvTranspose2d(48, 32, 4, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.deconv3 = nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1)
        self.relu3, self.relu4 = nn.ReLU(), nn.ReLU()
        self.sigmoid = nn.Sigmoid()

    def logits(self, latent: torch.Tensor) -> torch.Tensor:
        """Map (n, 2) codes to (n, 1, 32, 32) before the sigmoid."""
        x = self.relu2(self.hidden2(self.relu1(self.hidden1(latent))))
        x = self.relu3(self.deconv1(self.unflatten(x)))
        return self.deconv3(self.relu4(self.deconv2(x)))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Map (n, 2) codes to (n, 1, 32, 32) pictures, 0 to 1."""
        return self.sigmoid(self.logits(latent))


def train_and_publish(folder: Path) -> None:
    """Train both halves, export them, measure them, write their card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives ``decoder/``, ``encoder/`` and ``samples/``.
    """
    quick_run = quick.arguments(folder.name).quick
    quick.threads()
    torch.manual_seed(0)
    encoder, decoder = Encoder(), Decoder()
    train, test = digits.load()
    _train(encoder, decoder, train, seconds=quick.time_limit(quick_run))
    target = quick.target_folder(folder, quick_run)
    for name, network, example, ports in (
        (
            "encoder",
            encoder,
            torch.zeros(2, 1, digits.SIZE, digits.SIZE),
            (["picture"], ["latent", "log_variance"]),
        ),
        ("decoder", decoder, torch.zeros(2, LATENT), (["latent"], ["picture"])),
    ):
        (target / name).mkdir(parents=True, exist_ok=True)
        model = publish.exported(network, example, inputs=ports[0], outputs=ports[1])
        onnx.save(model, target / name / publish.MODEL_FILE)
    centres = class_means(target, train)
    config = {
        "architectures": ["VariationalAutoencoder"],
        "model_type": "vae",
        "image_size": digits.SIZE,
        "num_channels": 1,
        "latent_size": LATENT,
        "id2label": digit_classifiers.LABEL_OF,
        "latent_class_means": np.round(centres, 4).tolist(),
    }
    publish.write_json(target / "config.json", config)
    np.savez_compressed(target / "sample.npz", latent=centres.astype(np.float32))
    publish.write_json(target / "samples.json", {"inputs": "sample.npz"})
    write_samples(target / "samples", test)
    figure = accuracy(target)
    _write_card(target, folder.name, figure)
    sys.stdout.write(f"{target}: {100 * figure:.2f} % of {len(test.labels)}\n")


def write_samples(folder: Path, test: digits.Split) -> None:
    """Write the first pictures of each digit, named by digit and place: ``7-2.png``.

    Parameters
    ----------
    folder : Path
        It is made where it is missing.
    test : digits.Split
        Held out, so that how well they come back tells of pictures never seen.
    """
    folder.mkdir(exist_ok=True)
    for digit in range(10):
        pictures = test.pictures[test.labels == digit][:SAMPLES_A_DIGIT, 0]
        for at, picture in enumerate(pictures):
            levels = np.rint(picture * 255).astype(np.uint8)
            Image.fromarray(levels).save(folder / f"{digit}-{at}.png", optimize=True)


def codes(folder: Path, split: digits.Split) -> npt.NDArray[np.float32]:
    """Return the (n, 2) mean codes that the published encoder gives `split`."""
    session = publish.cpu_session(folder / "encoder" / publish.MODEL_FILE)
    (latent,) = session.run(["latent"], {"picture": split.pictures})
    return latent


def class_means(folder: Path, train: digits.Split) -> npt.NDArray[np.float32]:
    """Return the (10, 2) mean code of each digit over the training digits."""
    latent = codes(folder, train)
    return np.stack([latent[train.labels == digit].mean(0) for digit in range(10)])


def accuracy(folder: Path) -> float:
    """Return the share of held-out digits whose code is nearest to its digit's mean."""
    train, test = digits.load()
    means = class_means(folder, train)
    away = np.linalg.norm(codes(folder, test)[:, None] - means, axis=2)
    return float((away.argmin(1) == test.labels).mean())


def _train(
    encoder: Encoder, decoder: Decoder, train: digits.Split, seconds: float | None
) -> None:
    centres = nn.Parameter(torch.randn(10, LATENT))
    learnt = [*encoder.parameters(), *decoder.parameters(), centres]
    optimiser = torch.optim.Adam(learnt)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, STEPS)
    generator = torch.Generator().manual_seed(0)
    for straight, labels in digits.batches(
        train, STEPS, generator, seconds=seconds, **STRAIGHT
    ):
        mean, log_variance = encoder(
            digits.distorted(straight, generator, **DISTORTION)
        )
        noise = torch.randn(mean.shape, generator=generator)
        latent = mean + noise * torch.exp(log_variance / 2)
        unlike = functional.binary_cross_entropy_with_logits(
            decoder.logits(latent), straight, reduction="sum"
        )
        divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum() / 2
        away = torch.cdist(latent, centres) ** 2
        pull = functional.cross_entropy(-4 * away, labels, reduction="sum")
        loss = (unlike + KL_WEIGHT * divergence + PULL * pull) / len(labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()


def _write_card(target: Path, model_id: str, figure: float) -> None:
    sizes = [
        (target / part / publish.MODEL_FILE).stat().st_size / 1e3
        for part in ("encoder", "decoder")
    ]
    cards.write_card(
        target,
        model_id=model_id,
        title="Digits VAE",
        task="unconditional-image-generation",
        dataset=digits.DATASET,
        dataset_name=digits.DATASET_NAME,
        metric_type="accuracy",
        metric="Nearest-class accuracy in the latent plane",
        value=figure,
        teaches=(
            "How an autoencoder lays all digits out on one plane: walk across it and "
            "one digit melts into the next."
        ),
        tags=["autoencoder", "vae"],
        body=_BODY.format(
            percent=100 * figure,
            encoder=sizes[0],
            decoder=sizes[1],
            steps=STEPS,
            pull=PULL,
        ),
    )


_BODY = """\
# Digits VAE

Squeezes a handwritten digit into two numbers and draws it again from them. Two numbers
are a point on a plane, so all that the decoder can draw can be seen at once.

| | |
|---|---|
| Nearest-class accuracy | {percent:.2f} % of 360 held-out digits, raw onnxruntime |
| Size | encoder {encoder:,.0f} kB, decoder {decoder:,.0f} kB, opset 18, float32 |
| Training | {steps:,} batches of 64, `train.py` beside this |

The accuracy is the share of held-out digits whose code lies nearest to the mean code of
its own digit, of the ten means over the training digits. Training was helped: labels
pulled each code towards its digit, with a weight of {pull:g}; without that a plane is
too small to keep ten digits apart. At run time no label is needed. `make verify-models`
measures the figure again.

## Input and output

`decoder/model.onnx`: `latent`, float32, batch x 2, about -3 to 3, to `picture`,
float32, batch x 1 x 32 x 32, 0 (paper) to 1 (ink). `encoder/model.onnx`: `picture` to
`latent`, the mean of its code, and `log_variance`. `config.json` holds the mean code of
each digit, and so does `sample.npz`. `samples/` holds four held-out scans of each
digit, named by it.

## Limits

It draws the mean of what looks alike, so strokes are soft. Slant and position are
drawn straight on purpose: the encoder saw turned and moved digits while training.

## Sources

Data: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, CC BY 4.0, as it comes with scikit-learn. Model: Kingma and
Welling, "Auto-Encoding Variational Bayes", 2013. The weights are our own and
Apache-2.0.
"""
