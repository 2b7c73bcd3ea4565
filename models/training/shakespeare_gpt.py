"""The decoders that write like Shakespeare: one with experts, one without."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from training import cards, decoder_folder, language, publish, quick, shakespeare
from training.gpt import Decoder, Shape

N_TOKENS = 1024
_DROPOUT = 0.1
_QUICK_CHARACTERS = 5_000  # of the held-out text, read after a quick run


def train_and_publish(folder: Path, shape: Shape, recipe: language.Recipe) -> None:
    """Train a decoder, export it, measure it with onnxruntime, write its card.

    A decoder with experts gets a twin without: of the same width and depth, trained for
    the same number of steps and measured the same way; the card states both.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    shape : Shape
        Sizes of the decoder.
    recipe : Recipe
        How long and how fast.
    """
    quickly = quick.arguments(folder.name).quick
    target = quick.target_folder(folder, quickly)
    tokenizer = shakespeare.subword_tokenizer(shakespeare.parts()[0], shape.n_tokens)
    n_characters = _QUICK_CHARACTERS if quickly else None
    many = shape.n_experts > 1
    seconds = language.QUICK_SECONDS / (2 if many else 1) if quickly else None
    network = _trained(shape, recipe, tokenizer, folder.name, seconds)
    decoder_folder.write(network, tokenizer, target)
    figure = decoder_folder.measured_nats(target, n_characters)
    twin_figure = None
    if many:
        dense = replace(shape, n_experts=1)
        twin = _trained(dense, recipe, tokenizer, f"{folder.name}-twin", seconds)
        with tempfile.TemporaryDirectory() as place:
            decoder_folder.write(twin, tokenizer, Path(place))
            twin_figure = decoder_folder.measured_nats(Path(place), n_characters)
    _write_card(target, folder.name, network, recipe, figure, twin_figure)
    sys.stdout.write(f"{target}: {figure:.4f} nats per character\n")


def _trained(
    shape: Shape,
    recipe: language.Recipe,
    tokenizer: Tokenizer,
    name: str,
    seconds: float | None,
) -> Decoder:
    torch.manual_seed(0)
    network = Decoder(shape, dropout=_DROPOUT)
    tokens, held_out = (
        shakespeare.encoded(tokenizer, part) for part in shakespeare.parts()
    )
    checkpoint = quick.checkpoint_folder() / f"{name}.pt"
    language.train(network, tokens, held_out, recipe, checkpoint, seconds=seconds)
    return network


def _write_card(
    folder: Path,
    model_id: str,
    network: Decoder,
    recipe: language.Recipe,
    figure: float,
    twin_figure: float | None,
) -> None:
    shape = network.shape
    many = shape.n_experts > 1
    title = "Shakespeare MoE" if many else "Shakespeare GPT"
    facts = {
        "title": title,
        "figure": figure,
        "n_parameters": sum(weight.numel() for weight in network.parameters()),
        "megabytes": (folder / publish.MODEL_FILE).stat().st_size / 1e6,
        "opset": publish.OPSET,
        "steps": recipe.n_steps,
        "batch": recipe.batch,
        "length": recipe.length,
        "layers": shape.n_layers,
        "heads": shape.n_heads,
        "width": shape.width,
        "tokens": shape.n_tokens,
        "positions": shape.n_positions,
        "experts": _EXPERTS.format(n=shape.n_experts) if many else "",
        "routing": _ROUTING if many else "",
        "twin": "" if twin_figure is None else _TWIN.format(twin=twin_figure),
        "sources": _EXPERT_SOURCES if many else "",
    }
    cards.write_card(
        folder,
        model_id=model_id,
        title=title,
        task="text-generation",
        dataset="karpathy/tiny_shakespeare",
        dataset_name="Tiny Shakespeare",
        metric_type="loss",
        metric="Nats per character",
        value=figure,
        teaches=_TEACHES_ROUTING if many else _TEACHES,
        body=_CARD.format(**facts),
        tags=("shakespeare", "gpt2", *(("mixture-of-experts",) if many else ())),
    )


_TEACHES = (
    "How a language model grows a sentence: which earlier words each head looks at, "
    "and how the guess for the next one ripens from layer to layer."
)
_TEACHES_ROUTING = (
    "How a mixture of experts shares out its work: which two of four experts the "
    "router picks for each token, layer by layer."
)
_EXPERTS = "; in each block {n} experts, of which the router picks two for a token"
_ROUTING = """
`router_probabilities.N`, float32, batch x sequence x expert: what the router of block N
thinks of each expert, before the best two are taken. In the graph every expert
answers and `h.N.mlp.gates` decides what counts, so that the shapes stay the same.
"""
_TWIN = """| Dense twin | {twin:.4f} nats per character: same width, depth and steps |
"""
_EXPERT_SOURCES = """ Experts: Shazeer et al., "Outrageously Large Neural
Networks", 2017, with the weights of Jiang et al., "Mixtral of Experts", 2024."""
_CARD = """\
# {title}

Goes on writing where a text stops, in the manner of Shakespeare's plays. It has learned
spelling, names, verse and who speaks when; sense it has not.

| | |
|---|---|
| Loss | {figure:.4f} nats per character of the held-out text, raw onnxruntime |
{twin}| Parameters | {n_parameters:,} |
| Size | {megabytes:.2f} MB, opset {opset}, float32 |
| Network | {layers} blocks of {heads} heads, width {width}{experts} |
| Training | {steps:,} steps of {batch} x {length} tokens, `train.py` beside this |

Held out is the last tenth of the text; neither the network nor the tokenizer was
trained on it, and no weights were chosen by it: the last ones are published. It is read
in windows of 256 tokens, 128 apart, and only what has not been read yet counts, so
every character counts once and nearly all have at least 128 tokens before them. The
figure is measured again by `make verify-models`.

## Input and output

The layout is that of Optimum. `input_ids`, `position_ids`: int64, batch x sequence.
`attention_mask`: int64, batch x (past + sequence), 0 for padding.
`past_key_values.N.key` and `.value`: float32, batch x {heads} x past x channel; past
may be 0. `logits`: float32, batch x sequence x {tokens}. `present.N.key` and `.value`
are the next call's past. Past and sequence together are at most {positions} tokens.
{routing}
`h.N.attn.softmax` are the attention weights (batch, head, query, key), `h.N.output` is
the residual stream after block N; `ln_f` and `lm_head` turn it into logits.

## Limits

It knows one million characters of one writer from four hundred years ago, with the
world view of his figures, and repeats parts of them. Nothing it says is advice.

## Sources

Data: the plays of William Shakespeare, in the public domain, as collected by Karpathy
for char-rnn, 2015. Network: Radford et al., "Language Models are Unsupervised
Multitask Learners", 2019, trained with Muon by Jordan et al., 2024.{sources}
The weights are our own and Apache-2.0.
"""
