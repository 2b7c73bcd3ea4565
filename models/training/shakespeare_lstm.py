"""The recurrent network that writes like Shakespeare, one character at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from training import cards, language, publish, quick, recurrent_folder, shakespeare
from training.lstm import Recurrent

_QUICK_CHARACTERS = 5_000  # of the held-out text, read after a quick run


def train_and_publish(
    folder: Path, recipe: language.Recipe, *, width: int, dropout: float
) -> None:
    """Train the network, export it, measure it with onnxruntime, write its card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    recipe : Recipe
        How long and how fast.
    width, dropout : int, float
        See `Recurrent`.
    """
    quickly = quick.arguments(folder.name).quick
    target = quick.target_folder(folder, quickly)
    parts = shakespeare.parts()
    tokenizer = shakespeare.character_tokenizer(parts[0])
    tokens, held_out = (shakespeare.encoded(tokenizer, part) for part in parts)
    torch.manual_seed(0)
    network = Recurrent(tokenizer.get_vocab_size(), width=width, dropout=dropout)
    language.train(
        network,
        tokens,
        held_out,
        recipe,
        quick.checkpoint_folder() / f"{folder.name}.pt",
        cut=language.streams,
        seconds=language.QUICK_SECONDS if quickly else None,
    )
    recurrent_folder.write(network, tokenizer, target)
    figure = recurrent_folder.measured_nats(
        target, _QUICK_CHARACTERS if quickly else None
    )
    _write_card(target, folder.name, network, recipe, figure)
    sys.stdout.write(f"{target}: {figure:.4f} nats per character\n")


def _write_card(
    folder: Path,
    model_id: str,
    network: Recurrent,
    recipe: language.Recipe,
    figure: float,
) -> None:
    cards.write_card(
        folder,
        model_id=model_id,
        title="Shakespeare LSTM",
        task="text-generation",
        dataset="karpathy/tiny_shakespeare",
        dataset_name="Tiny Shakespeare",
        metric_type="loss",
        metric="Nats per character",
        value=figure,
        teaches=_TEACHES,
        body=_CARD.format(
            figure=figure,
            n_parameters=sum(weight.numel() for weight in network.parameters()),
            megabytes=(folder / publish.MODEL_FILE).stat().st_size / 1e6,
            opset=publish.OPSET,
            steps=recipe.n_steps,
            batch=recipe.batch,
            length=recipe.length,
            width=network.width,
            tokens=network.embedding.num_embeddings,
        ),
        tags=("shakespeare", "lstm"),
    )


_TEACHES = (
    "How a recurrent network remembers: which cells keep count of the line, the "
    "speaker or an open question while it reads one character after the other."
)
_CARD = """\
# Shakespeare LSTM

Goes on writing where a text stops, in the manner of Shakespeare's plays, one character
after the other. What it knows of the text so far is in its state, {width} numbers and
as many cells in each of two layers, and nowhere else.

| | |
|---|---|
| Loss | {figure:.4f} nats per character of the held-out text, raw onnxruntime |
| Parameters | {n_parameters:,} |
| Size | {megabytes:.2f} MB, opset {opset}, float32 |
| Network | 2 LSTM layers of {width} cells; {tokens} tokens, one a character |
| Training | {steps:,} steps of {batch} x {length} characters, `train.py` beside this |

Held out is the last tenth of the text; the network was not trained on it, and no
weights were chosen by it: the last ones are published. It is read once from beginning
to end, so every character counts once, with all the characters before it in the state.
The figure is measured again by `make verify-models`.

## Input and output

`input_ids`: int64, batch x sequence, of any length; one character a call is enough.
`state.h` and `state.c`: float32, layer x batch x {width}, zeros before the first
character. `logits`: float32, batch x sequence x {tokens}. `next_state.h` and
`next_state.c` are the next call's state. `lstm.N` is what layer N puts out at each
step.

## Limits

It knows one million characters of one writer from four hundred years ago, with the
world view of his figures. It can read the characters of the plays and no others: of the
digits only the 3, by chance. Nothing it says is advice.

## Sources

Data: the plays of William Shakespeare, in the public domain, as collected by Karpathy
for char-rnn, 2015. Network: Hochreiter and Schmidhuber, "Long Short-Term Memory",
1997. The weights are our own and Apache-2.0.
"""
