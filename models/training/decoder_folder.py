"""Write a trained decoder as a folder in the layout of Optimum.

``model.onnx`` reads tokens and the keys and values of earlier ones, and returns logits
and the keys and values so far: one file for the prompt (nothing earlier) and for each
token after it. https://huggingface.co/docs/optimum-onnx.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from tokenizers import Tokenizer

from training import publish, shakespeare
from training.gpt import Decoder, Shape

_STRIDE = 128
_BATCH = 16
Feed = dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]]


def write(network: Decoder, tokenizer: Tokenizer, folder: Path) -> None:
    """Export `network` and write everything a program needs to generate with it.

    Parameters
    ----------
    network : Decoder
        Trained.
    tokenizer : Tokenizer
        That it was trained with.
    folder : Path
        Receives ``model.onnx``, ``config.json``, ``generation_config.json``,
        ``tokenizer.json``, ``tokenizer_config.json`` and ``samples.json``; made where
        it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(exported(network), folder / publish.MODEL_FILE)
    shape = network.shape
    start = tokenizer.token_to_id(tokenizer.encode(shakespeare.START).tokens[0])
    experts = {"num_local_experts": shape.n_experts, "num_experts_per_tok": 2}
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": shape.n_tokens,
        "n_positions": shape.n_positions,
        "n_ctx": shape.n_positions,
        "n_embd": shape.width,
        "n_layer": shape.n_layers,
        "n_head": shape.n_heads,
        "activation_function": "gelu",
        "tie_word_embeddings": True,
        "use_cache": True,
        "bos_token_id": start,
        "eos_token_id": None,
        **(experts if shape.n_experts > 1 else {}),
    }
    publish.write_json(folder / "config.json", config)
    generation = {
        "bos_token_id": start,
        "eos_token_id": None,
        "do_sample": True,
        "temperature": 0.8,
        "top_k": 40,
        "max_new_tokens": 160,
    }
    publish.write_json(folder / "generation_config.json", generation)
    shakespeare.save_tokenizer(tokenizer, folder, shape.n_positions)
    publish.write_json(folder / "samples.json", {"text": list(shakespeare.PROMPTS)})


def exported(network: Decoder) -> onnx.ModelProto:
    """Return `network` as ONNX with a cache of keys and values.

    Parameters
    ----------
    network : Decoder
        Put into evaluation mode. Where it has experts, the graph also gives
        ``router_probabilities.N``, (batch, sequence, expert).
    """
    shape = network.shape
    batch, length, past = 2, 3, 5
    head = shape.width // shape.n_heads
    tokens = torch.zeros(batch, length, dtype=torch.int64)
    positions = (
        tokens.clone()
    )  # the exporter takes one tensor, given twice, for one input
    mask = torch.ones(batch, past + length, dtype=torch.int64)
    caches = [
        torch.zeros(batch, shape.n_heads, past, head) for _ in range(2 * shape.n_layers)
    ]
    sequence = {0: "batch_size", 1: "sequence_length"}
    total = {0: "batch_size", 1: "past_sequence_length + sequence_length"}
    cached = {0: "batch_size", 2: "past_sequence_length"}
    routers = range(shape.n_layers if shape.n_experts > 1 else 0)
    return publish.exported(
        network,
        tokens,
        mask,
        positions,
        *caches,
        inputs=["input_ids", "attention_mask", "position_ids", *_pairs(shape, True)],
        outputs=[
            "logits",
            *_pairs(shape, False),
            *(f"router_probabilities.{n}" for n in routers),
        ],
        dynamic_shapes=(sequence, total, sequence, tuple(cached for _ in caches)),
    )


def _pairs(shape: Shape, past: bool) -> list[str]:
    name = "past_key_values" if past else "present"
    return [f"{name}.{n}.{part}" for n in range(shape.n_layers) for part in _PARTS]


_PARTS = ("key", "value")


def first_feed(
    session: onnxruntime.InferenceSession, tokens: npt.NDArray[np.int64]
) -> Feed:
    """Return what to feed for `tokens` with nothing before them.

    Parameters
    ----------
    session : InferenceSession
        Of a decoder.
    tokens : (batch, sequence) int64 array
        Without padding.
    """
    batch, length = tokens.shape
    feed: Feed = {
        "input_ids": tokens,
        "attention_mask": np.ones_like(tokens),
        "position_ids": np.broadcast_to(np.arange(length), tokens.shape).copy(),
    }
    for entry in session.get_inputs():
        if entry.name.startswith("past_key_values."):
            _, heads, _, channels = entry.shape
            feed[entry.name] = np.zeros((batch, heads, 0, channels), np.float32)
    return feed


def measured_nats(folder: Path, n_characters: int | None = None) -> float:
    """Return nats per character of the held-out text, by raw onnxruntime.

    The text is read in windows of as many tokens as the model has positions, half a
    window apart; of each window only the second half counts, of the first all of it.
    So every character counts once, and all but the first have half a window of text
    before them. The first follows a line break.

    Parameters
    ----------
    folder : Path
        With the published files.
    n_characters : int, optional
        Read only so many characters.
    """
    session = publish.cpu_session(folder / publish.MODEL_FILE)
    tokenizer = Tokenizer.from_file(str(folder / shakespeare.TOKENIZER_FILE))
    text = shakespeare.parts()[1][:n_characters]
    tokens = shakespeare.encoded(tokenizer, text)
    length = 2 * _STRIDE
    inputs, targets = tokens[:-1], tokens[1:]
    starts = [*range(0, max(1, len(inputs) - length + 1), _STRIDE)]
    nats = 0.0
    counted = 0
    for index in range(0, len(starts), _BATCH):
        rows = starts[index : index + _BATCH]
        block = np.stack([inputs[row : row + length] for row in rows])
        (logits,) = session.run(["logits"], first_feed(session, block))
        for row, row_logits in zip(rows, logits, strict=True):
            chosen = targets[row : row + length]
            skipped = counted - row
            costs = surprise(row_logits[skipped:], chosen[skipped:])
            nats += float(costs.sum())
            counted += len(costs)
    if counted < len(inputs):
        row = max(0, len(inputs) - length)
        block = inputs[row:][None]
        (logits,) = session.run(["logits"], first_feed(session, block))
        skipped = counted - row
        nats += float(surprise(logits[0, skipped:], targets[counted:]).sum())
    return nats / len(text)


def surprise(
    logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return what each target costs, in nats.

    Parameters
    ----------
    logits : (n, token) float32 array
        One row for each target.
    targets : (n,) int64 array
        What came.

    Returns
    -------
    (n,) float64 array
    """
    rows = logits.astype(np.float64)
    highest = rows.max(axis=1, keepdims=True)
    total = np.log(np.exp(rows - highest).sum(axis=1)) + highest[:, 0]
    return np.asarray(total - rows[np.arange(len(targets)), targets])
