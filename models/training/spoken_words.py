"""Spoken words: training, folder, card and measured figure."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional

from training import cards, publish, quick, speech
from training.speech_network import HOP, N_BANDS, WINDOW, WordHearer

INPUT = "audio"
EPOCHS, BATCH_SIZE, RATE = 15, 64, 4e-3
PER_WORD = 5
TEST_SEED = 99
SAMPLE_WORDS = ("yes", "left", "go")


def held_out() -> tuple[speech.Sounds, np.ndarray]:
    """Return sounds and labels in voices that are not trained on, with noise."""
    said = speech.spoken(speech.HELD_OUT_VARIANTS, 6, TEST_SEED)
    noisy = speech.disturbed(said.sounds, np.random.default_rng(TEST_SEED))
    return noisy, said.labels


def measured(folder: Path) -> float:
    """Return the share of words in other voices that the published file hears right.

    Parameters
    ----------
    folder : Path
        What was published; raw onnxruntime runs it.

    Raises
    ------
    SystemExit
        If espeak-ng, which speaks the words, is not installed.
    """
    sounds, labels = held_out()
    session = publish.cpu_session(folder / publish.MODEL_FILE)
    right = 0
    for start in range(0, len(labels), 60):
        part = slice(start, start + 60)
        (logits,) = session.run(None, {INPUT: sounds[part]})
        right += int((np.argmax(logits, axis=1) == labels[part]).sum())
    return right / len(labels)


def train(
    network: nn.Module, said: speech.Utterances, limit_s: float | None = None
) -> None:
    """Train `network` in place on words that sound otherwise each time.

    Parameters
    ----------
    network : nn.Module
        Maps (n, samples) to (n, 10) logits.
    said : Utterances
        Without noise.
    limit_s : float, optional
        Stop after so many seconds.
    """
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    n_steps = EPOCHS * (len(said.labels) // BATCH_SIZE)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, max(2, n_steps))
    started = time.monotonic()
    network.train()
    for step in range(n_steps):
        index = random.integers(0, len(said.labels), BATCH_SIZE)
        sounds = speech.disturbed(said.sounds[index], random)
        logits = network(torch.from_numpy(sounds))
        labels = torch.from_numpy(said.labels[index])
        loss = functional.cross_entropy(logits, labels, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            sys.stdout.write(f"{step}/{n_steps} loss {loss.item():.3f}\n")
            sys.stdout.flush()
        if limit_s is not None and time.monotonic() - started > limit_s:
            break


def write_folder(folder: Path, network: nn.Module) -> None:
    """Write graph, configuration and a sample of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    batch, samples = (torch.export.Dim(name) for name in ("batch", "samples"))
    model = publish.exported(
        network,
        torch.zeros(2, speech.LENGTH),
        inputs=[INPUT],
        dynamic_shapes=({0: batch, 1: samples},),
    )
    onnx.save(model, folder / publish.MODEL_FILE)
    publish.write_json(
        folder / "config.json",
        {
            "architectures": ["ConvolutionalKeywordSpotting"],
            "model_type": "keyword-spotting",
            "sampling_rate": speech.RATE,
            "num_labels": len(speech.WORDS),
            "id2label": {str(i): word for i, word in enumerate(speech.WORDS)},
            "label2id": {word: i for i, word in enumerate(speech.WORDS)},
        },
    )
    publish.write_json(
        folder / "preprocessor_config.json",
        {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "feature_size": 1,
            "sampling_rate": speech.RATE,
            "do_normalize": False,
            "return_attention_mask": False,
            "padding_value": 0.0,
        },
    )
    said = speech.spoken(speech.HELD_OUT_VARIANTS[:1], 1, TEST_SEED)
    chosen = [speech.WORDS.index(word) for word in SAMPLE_WORDS]
    sounds = said.sounds[[list(said.labels).index(label) for label in chosen]]
    np.savez_compressed(folder / "sample.npz", **{INPUT: sounds})
    publish.write_json(folder / "samples.json", {"inputs": "sample.npz"})


def train_and_publish(folder: Path) -> None:
    """Have the words spoken, train, export, measure, write the card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``.
    """
    hurry = quick.arguments(folder.name).quick
    quick.threads()
    target = quick.target_folder(folder, hurry)
    variants = speech.VARIANTS[:8] if hurry else speech.VARIANTS
    said = speech.spoken(variants, 1 if hurry else PER_WORD, 0)
    torch.manual_seed(0)
    network = WordHearer()
    train(network, said, 4.0 if hurry else None)
    write_folder(target, network)
    figure = measured(target)
    _write_card(target, figure, network, len(said.labels))
    sys.stdout.write(f"{target}: {100 * figure:.2f} % in other voices\n")


def _write_card(
    folder: Path, figure: float, network: nn.Module, n_trained: int
) -> None:
    body = _BODY.format(
        percent=100 * figure,
        n_tested=60 * len(speech.HELD_OUT_VARIANTS),
        n_voices=len(speech.HELD_OUT_VARIANTS),
        n_trained=n_trained,
        n_variants=len(speech.VARIANTS),
        parameters=sum(p.numel() for p in network.parameters()),
        kilobytes=(folder / publish.MODEL_FILE).stat().st_size / 1e3,
        opset=publish.OPSET,
        words=", ".join(speech.WORDS),
        bands=N_BANDS,
        window=1000 * WINDOW / speech.RATE,
        hop=1000 * HOP / speech.RATE,
    )
    cards.write_card(
        folder,
        title="Spoken words",
        task="audio-classification",
        dataset="espeak-ng",
        dataset_name="Ten words spoken by espeak-ng, with noise",
        metric_type="accuracy",
        metric="Accuracy in other voices",
        value=figure,
        teaches=(
            "How sound becomes a picture of frequencies over time, and how "
            "convolutions read words in it."
        ),
        body=body,
        tags=("keyword-spotting",),
        model_id="spoken-words",
    )


_BODY = """\
# Spoken words

Hears one of ten words: {words}. The spectrogram is part of the graph, so that a sound
goes in as it is and every step from waves to words can be looked at.

| | |
|---|---|
| Accuracy | {percent:.2f} % of {n_tested:,} words in {n_voices} voices not trained on |
| Parameters | {parameters:,} |
| Size | {kilobytes:.0f} kB, opset {opset}, float32 |
| Training | {n_trained:,} utterances in {n_variants} voices, `train.py` beside this |

The words that it is measured on have noise from 5 to 40 dB below the voice, are moved
in time, faster or slower, louder or softer, like those of the training. `make
verify-models` measures the figure again where espeak-ng is installed.

## Input and output

`audio`: float32, batch x samples, mono, 16,000 samples a second, -1 to 1; a second is
what it was trained on, any length from 0.2 s on runs. `logits`: float32, batch x 10, in
the order of `config.json`. `spectrogram` gives the power of 257 frequencies in windows
of {window:.0f} ms every {hop:.0f} ms, `mel` the logarithm of {bands} bands of them.

## Limits

It has never heard a person. The voices are those of a synthesiser, and so many accents
of one language as that has; a real voice is heard less well, and any other sound is
taken for one of the ten words.

## Sources

Speech made with espeak-ng (https://github.com/espeak-ng/espeak-ng); the three sample
utterances in `sample.npz` are made with it too. Network after Sainath and Parada,
"Convolutional Neural Networks for Small-footprint Keyword Spotting", 2015. The weights
are our own and Apache-2.0.
"""
