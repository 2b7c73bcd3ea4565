"""Sentiment of sentences: MiniLM fine-tuned on the Stanford Sentiment Treebank.

Socher et al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment
Treebank", 2013. Reads ``data/sst2/{train,dev,test}.tsv`` below the folder that
``LAYERSCOPE_CORPUS`` names: a sentence, a tab, 0 or 1.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from training import minilm, publish, quick, weight_only

LABELS = ("NEGATIVE", "POSITIVE")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
DATASET, DATASET_NAME = "stanfordnlp/sst2", "Stanford Sentiment Treebank, two classes"
N_COMMON = 10_000  # of MiniLM's tokens, which stand roughly in order of frequency
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How long and how fast.

    Attributes
    ----------
    epochs, batch_size : int
    rate, head_rate : float
        Peaks of the learning rate, of MiniLM's last layer and of the new one.
    layer_decay : float
        How much slower each layer learns than the one after it (Howard and Ruder,
        "Universal Language Model Fine-tuning for Text Classification", 2018).
    masked_share : float
        Of the words, hidden in training.
    warm_up : float
        Share of the steps in which the rate rises.
    seed : int
    """

    epochs: int = 3
    batch_size: int = 32
    rate: float = 9e-5
    head_rate: float = 1e-3
    warm_up: float = 0.1
    layer_decay: float = 0.85
    masked_share: float = 0.08
    seed: int = 0


class BertForSequenceClassification(nn.Module):
    """MiniLM, the mean of its hidden states, and one linear layer.

    Parameters
    ----------
    bert : BertModel
    """

    def __init__(self, bert: minilm.BertModel) -> None:
        super().__init__()
        self.bert = bert
        self.pooler = minilm.MeanPooler()
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(minilm.CHANNELS, len(LABELS))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor,
    ) -> torch.Tensor:
        """Map (n, words) int64 three times to (n, 2) logits."""
        hidden = self.bert(input_ids, attention_mask, token_type_ids)
        return self.classifier(self.dropout(self.pooler(hidden, attention_mask)))


def lines_of(split: str) -> list[str]:
    """Return the lines of ``train``, ``dev`` or ``test``: a sentence, a tab, 0 or 1."""
    path = quick.corpus() / "data" / "sst2" / f"{split}.tsv"
    return path.read_text(encoding="utf-8").splitlines()


def sentences(lines: list[str]) -> tuple[list[str], Ids]:
    """Return the sentences and the labels of such lines."""
    texts, labels = zip(*(line.rsplit("\t", 1) for line in lines), strict=True)
    return list(texts), np.asarray(labels, np.int64)


def tokenizer_and_kept(
    texts: list[str], n_common: int = N_COMMON
) -> tuple[Tokenizer, list[int]]:
    """Return MiniLM's tokenizer with a smaller vocabulary, and the ids it keeps.

    Parameters
    ----------
    texts : list of str
        Every token in them is kept, beside the common ones and all single letters;
        words that are no longer there come out in pieces.
    n_common : int
        So many of the first tokens are common ones.
    """
    text = (minilm.package_folder() / "tokenizer.json").read_text(encoding="utf-8")
    whole = Tokenizer.from_str(text)
    whole.no_truncation()
    whole.no_padding()
    seen = {id_ for code in whole.encode_batch(texts) for id_ in code.ids}
    description = json.loads(text)
    vocabulary: dict[str, int] = description["model"]["vocab"]
    kept = [
        (token, old)
        for token, old in sorted(vocabulary.items(), key=lambda item: item[1])
        if (old < n_common and not token.startswith("[unused"))
        or old in seen
        or len(token.removeprefix("##")) == 1
    ]
    new_id = {old: new for new, (_, old) in enumerate(kept)}
    description["model"]["vocab"] = {token: new_id[old] for token, old in kept}
    for entry in description["added_tokens"]:
        entry["id"] = new_id[entry["id"]]
    for entry in description["post_processor"].get("special_tokens", {}).values():
        entry["ids"] = [new_id[old] for old in entry["ids"]]
    description["truncation"] = description["padding"] = None
    return Tokenizer.from_str(json.dumps(description)), [old for _, old in kept]


def batches(
    tokenizer: Tokenizer,
    texts: list[str],
    size: int,
    generator: np.random.Generator | None = None,
) -> Iterator[tuple[Ids, dict[str, Ids]]]:
    """Yield the places in `texts` and the inputs of batches of like length.

    Parameters
    ----------
    tokenizer : Tokenizer
        Adds ``[CLS]`` and ``[SEP]``.
    texts : list of str
        Sentences.
    size : int
        Sentences in a batch.
    generator : Generator, optional
        Shuffles; in order of length without.
    """
    codes = [code.ids[: minilm.N_POSITIONS] for code in tokenizer.encode_batch(texts)]
    lengths = np.asarray([len(code) for code in codes], np.float64)
    if generator is not None:
        lengths += generator.uniform(-1.5, 1.5, len(lengths))
    parts = np.split(np.argsort(lengths), range(size, len(codes), size))
    order = np.arange(len(parts))
    if generator is not None:
        generator.shuffle(order)
    for number in order:
        places = parts[number].astype(np.int64)
        longest = max(len(codes[place]) for place in places)
        ids = np.zeros((len(places), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, place in enumerate(places):
            ids[row, : len(codes[place])] = codes[place]
            mask[row, : len(codes[place])] = 1
        yield places, dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))


def train(
    network: BertForSequenceClassification,
    tokenizer: Tokenizer,
    texts: list[str],
    labels: Ids,
    recipe: Recipe,
    checkpoint: Path | None = None,
    limit_s: float | None = None,
) -> None:
    """Fine-tune `network` in place; the embeddings stay as they were.

    Parameters
    ----------
    network : BertForSequenceClassification
        As MiniLM left it.
    tokenizer : Tokenizer
        Adds ``[CLS]`` and ``[SEP]``.
    texts, labels
        To learn from.
    recipe : Recipe
        How long and how fast.
    checkpoint : Path, optional
        Written after each epoch; a run that finds it goes on from there.
    limit_s : float, optional
        Stop after so many seconds.
    """
    network.bert.embeddings.requires_grad_(False)
    layers = list(network.bert.encoder.layer)
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": network.classifier.parameters(), "lr": recipe.head_rate},
            *(
                {
                    "params": layer.parameters(),
                    "lr": recipe.rate * recipe.layer_decay**depth,
                }
                for depth, layer in enumerate(reversed(layers))
            ),
        ],
        weight_decay=0.01,
        fused=True,
    )
    total = recipe.epochs * math.ceil(len(texts) / recipe.batch_size)
    warm = max(1, int(recipe.warm_up * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, (total - step) / (total - warm))
    )
    first, started, logged = 0, time.monotonic(), 0.0
    if checkpoint is not None and checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        first = state["epoch"]
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
    mask = tokenizer.token_to_id("[MASK]")
    network.train()
    for epoch in range(first, recipe.epochs):
        torch.manual_seed(recipe.seed + epoch)
        generator = np.random.default_rng(recipe.seed + epoch)
        for places, feed in batches(tokenizer, texts, recipe.batch_size, generator):
            hidden = generator.random(feed["input_ids"].shape) < recipe.masked_share
            feed["input_ids"][hidden & (feed["attention_mask"] == 1)] = mask
            logits = network(*(torch.from_numpy(feed[name]) for name in INPUTS))
            loss = functional.cross_entropy(logits, torch.from_numpy(labels[places]))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(learning, 1.0)
            optimiser.step()
            schedule.step()
            now = time.monotonic()
            if now - logged > 20:
                logged = now
                done = f"{schedule.last_epoch}/{total} loss {loss.item():.3f}\n"
                sys.stdout.write(done)
                sys.stdout.flush()
            if limit_s is not None and now - started > limit_s:
                return
        if checkpoint is not None:
            state = {
                "epoch": epoch + 1,
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            }
            torch.save(state, checkpoint)


def write_folder(
    folder: Path, network: BertForSequenceClassification, tokenizer: Tokenizer
) -> None:
    """Write graph, tokenizer and configuration in the layout of Hugging Face."""
    folder.mkdir(parents=True, exist_ok=True)
    # Three tensors, for the exporter takes one that is handed in twice for one input.
    examples = [torch.ones(2, 9, dtype=torch.int64) for _ in INPUTS]
    batch, length = (torch.export.Dim(name) for name in ("batch", "sequence"))
    model = publish.exported(
        network,
        *examples,
        inputs=INPUTS,
        dynamic_shapes=tuple({0: batch, 1: length} for _ in INPUTS),
    )
    onnx.save(weight_only.with_int8_weights(model), folder / publish.MODEL_FILE)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "unk": "[UNK]"}
    publish.write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "model_max_length": minilm.N_POSITIONS,
            **{f"{name}_token": token for name, token in special.items()},
        },
    )
    publish.write_json(
        folder / "config.json",
        {
            "architectures": ["BertForSequenceClassification"],
            "model_type": "bert",
            "hidden_size": minilm.CHANNELS,
            "intermediate_size": minilm.INNER,
            "num_attention_heads": minilm.N_HEADS,
            "num_hidden_layers": minilm.N_LAYERS,
            "max_position_embeddings": minilm.N_POSITIONS,
            "type_vocab_size": 2,
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
            "pad_token_id": tokenizer.token_to_id("[PAD]"),
            "id2label": {str(index): label for index, label in enumerate(LABELS)},
            "label2id": {label: index for index, label in enumerate(LABELS)},
        },
    )


def accuracy_of_lines(folder: Path, lines: list[str]) -> float:
    """Return the share of sentences that the published files judge rightly.

    Parameters
    ----------
    folder : Path
        What `write_folder` wrote; raw onnxruntime runs it.
    lines : list of str
        A sentence, a tab, 0 or 1.
    """
    texts, labels = sentences(lines)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = publish.cpu_session(folder / publish.MODEL_FILE)
    right = 0
    for places, feed in batches(tokenizer, texts, 32):
        (logits,) = session.run(None, feed)
        right += int((np.argmax(logits, axis=1) == labels[places]).sum())
    return right / len(labels)


def measured(folder: Path) -> float:
    """Return the accuracy on the 1,821 sentences of the test file."""
    return accuracy_of_lines(folder, lines_of("test"))
