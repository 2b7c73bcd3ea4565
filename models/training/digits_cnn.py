"""A small convolutional network that reads 32x32 digits.

LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998
(https://doi.org/10.1109/5.726791), with batch normalisation and ReLU.
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn import functional

from training import digit_classifiers, digits, publish, quick

STEPS = 1400
LEARNING_RATE = 4e-3
# Strong, so that what is drawn by mouse, off the middle and too small, is read too.
DISTORTION = {"degrees": 12, "shift": 0.12, "scale": 0.25, "shear": 0.15}
_TEACHES = (
    "How three layers of convolutions turn strokes into corners and loops, and those "
    "into a digit; draw one and watch it being read."
)
_PORTS = """\
`pixel_values`: float32, batch x 1 x 32 x 32, 0 (paper) to 1 (ink), so a white digit on
black that fills the picture. `logits`: float32, batch x 10; the softmax of a row is the
score of each digit."""


class Block(nn.Module):
    """A 3x3 convolution, normalisation, ReLU and half the size.

    Parameters
    ----------
    in_channels, out_channels : int
        Feature maps before and after.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, h // 2, w // 2)."""
        return self.pool(self.relu(self.norm(self.conv(x))))


class DigitNet(nn.Module):
    """Three blocks and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.strokes = Block(1, 12)
        self.corners = Block(12, 24)
        self.shapes = Block(24, 48)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(48 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 1, 32, 32) pictures, 0 to 1, to (n, 10) logits."""
        x = self.shapes(self.corners(self.strokes(x)))
        return self.head(self.dropout(self.flatten(x)))


def train_and_publish(folder: Path) -> None:
    """Train the network, export it, measure it, write its card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    """
    quick_run = quick.arguments(folder.name).quick
    quick.threads()
    torch.manual_seed(0)
    network = DigitNet()
    train, test = digits.load()
    _train(network, train, seconds=quick.time_limit(quick_run))
    target = quick.target_folder(folder, quick_run)
    model = publish.exported(network, torch.zeros(2, 1, digits.SIZE, digits.SIZE))
    onnx.save(model, target / publish.MODEL_FILE)
    digit_classifiers.write_config(
        target, model_type="cnn", architecture=type(network).__name__
    )
    publish.write_json(target / "preprocessor_config.json", _PREPROCESSOR)
    samples = ["10-digit-three.png", "11-digit-eight.png"]
    publish.write_json(target / "samples.json", {"pictures": samples})
    figure = digit_classifiers.write_card(
        target,
        model_id=folder.name,
        title="Digits CNN",
        task="image-classification",
        teaches=_TEACHES,
        what="Three layers of convolutions look at ever larger parts of the picture.",
        training=f"{STEPS:,} batches of 64 turned, moved and stretched digits",
        ports=_PORTS,
        source=(
            'after LeCun et al., "Gradient-Based Learning Applied to Document '
            'Recognition", 1998'
        ),
    )
    sys.stdout.write(f"{target}: {100 * figure:.2f} % of {len(test.labels)}\n")


def _train(network: nn.Module, train: digits.Split, seconds: float | None) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, STEPS)
    generator = torch.Generator().manual_seed(0)
    network.train()
    for pictures, labels in digits.batches(
        train, STEPS, generator, seconds=seconds, **DISTORTION
    ):
        loss = functional.cross_entropy(network(pictures), labels, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()


_PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": digits.SIZE, "width": digits.SIZE},
    "resample": 2,  # Pillow's number for bilinear
    "do_convert_grayscale": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": False,
}
