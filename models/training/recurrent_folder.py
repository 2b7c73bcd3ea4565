"""Write a trained LSTM as a folder, with ONNX's own LSTM operator in the graph.

torch's exporter fixes the length of the sequence and takes the weights apart, so the
graph is put together here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from training import publish, readable, shakespeare
from training.decoder_folder import surprise
from training.lstm import N_LAYERS, Recurrent

_CHUNK = 4096
_STATES = ("h", "c")


def write(network: Recurrent, tokenizer: Tokenizer, folder: Path) -> None:
    """Export `network` and write everything a program needs to generate with it.

    Parameters
    ----------
    network : Recurrent
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
    (start,) = tokenizer.encode(shakespeare.START).ids
    config = {
        "architectures": ["LSTMForCausalLM"],
        "model_type": "lstm",
        "vocab_size": network.embedding.num_embeddings,
        "hidden_size": network.width,
        "embedding_size": network.embedding.embedding_dim,
        "num_hidden_layers": N_LAYERS,
        "bos_token_id": start,
        "eos_token_id": None,
    }
    publish.write_json(folder / "config.json", config)
    generation = {
        "bos_token_id": start,
        "eos_token_id": None,
        "do_sample": True,
        "temperature": 0.7,
        "max_new_tokens": 400,
    }
    publish.write_json(folder / "generation_config.json", generation)
    shakespeare.save_tokenizer(tokenizer, folder)
    publish.write_json(folder / "samples.json", {"text": list(shakespeare.PROMPTS)})


def exported(network: Recurrent) -> onnx.ModelProto:
    """Return `network` as ONNX that reads any number of tokens a call.

    Parameters
    ----------
    network : Recurrent
        Its weights are copied.

    Returns
    -------
    ModelProto
        ``input_ids`` (batch, sequence), ``state.h`` and ``state.c`` (layer, batch,
        width) in; ``logits``, ``next_state.h`` and ``next_state.c`` out.
    """
    modules = dict(network.named_modules())
    weights = [
        _tensor("embedding.weight", network.embedding.weight),
        _tensor("lm_head.weight", network.lm_head.weight.T),
        _tensor("lm_head.bias", network.lm_head.bias),
        numpy_helper.from_array(np.asarray([1], np.int64), "lstm.direction_axis"),
    ]
    nodes = [
        _node("Gather", ["embedding.weight", "input_ids"], ["embedding"], "embedding"),
        _node("Transpose", ["embedding"], ["by_step"], "", perm=(1, 0, 2)),
    ]
    for state in _STATES:
        parts = [f"lstm.{layer}.state.{state}" for layer in range(N_LAYERS)]
        nodes.append(_node("Split", [f"state.{state}"], parts, "", num_outputs=2))
    x = "by_step"
    for layer, module in enumerate(network.lstm):
        path = f"lstm.{layer}"
        own = {name: _onnx_gates(gates) for name, gates in module.named_parameters()}
        biases = torch.cat([own["bias_ih_l0"], own["bias_hh_l0"]])
        weights += [
            _tensor(f"{path}.W", own["weight_ih_l0"][None]),
            _tensor(f"{path}.R", own["weight_hh_l0"][None]),
            _tensor(f"{path}.B", biases[None]),
        ]
        inputs = [x, *(f"{path}.{part}" for part in ("W", "R", "B")), ""]
        inputs += [f"{path}.state.{state}" for state in _STATES]
        outputs = [f"{path}.steps", *(f"{path}.next_state.{s}" for s in _STATES)]
        nodes += [
            _node("LSTM", inputs, outputs, path, hidden_size=network.width),
            _node("Squeeze", [outputs[0], "lstm.direction_axis"], [path], path),
        ]
        x = path
    nodes += [
        _node("Transpose", [x], ["by_sequence"], "", perm=(1, 0, 2)),
        _node(
            "MatMul", ["by_sequence", "lm_head.weight"], ["lm_head.matmul"], "lm_head"
        ),
        _node("Add", ["lm_head.matmul", "lm_head.bias"], ["logits"], "lm_head"),
    ]
    for state in _STATES:
        parts = [f"lstm.{layer}.next_state.{state}" for layer in range(N_LAYERS)]
        nodes.append(_node("Concat", parts, [f"next_state.{state}"], "", axis=0))
    for node in nodes:
        kind = node.op_type.lower()
        readable.write_scopes(node, node.doc_string, (kind, kind), modules)
        node.doc_string = ""
    sizes = (N_LAYERS, "batch_size", network.width)
    tokens = ("batch_size", "sequence_length")
    graph = helper.make_graph(
        nodes,
        type(network).__name__,
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, tokens),
            *(_value(f"state.{state}", sizes) for state in _STATES),
        ],
        [
            _value("logits", (*tokens, network.embedding.num_embeddings)),
            *(_value(f"next_state.{state}", sizes) for state in _STATES),
        ],
        initializer=weights,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", publish.OPSET)],
        ir_version=publish.IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def measured_nats(folder: Path, n_characters: int | None = None) -> float:
    """Return nats per character of the held-out text, by raw onnxruntime.

    The text is read once from beginning to end, from a state of zeros and after a line
    break; every character counts once.

    Parameters
    ----------
    folder : Path
        With the published files.
    n_characters : int, optional
        Read only so many characters.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one row at a time leaves nothing to share out
    session = onnxruntime.InferenceSession(
        folder / publish.MODEL_FILE, options, providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(str(folder / shakespeare.TOKENIZER_FILE))
    text = shakespeare.parts()[1][:n_characters]
    tokens = shakespeare.encoded(tokenizer, text)
    n_layers, _, width = session.get_inputs()[1].shape
    zeros = np.zeros((n_layers, 1, width), np.float32)
    states: dict[str, npt.NDArray[np.float32]] = {"state.h": zeros, "state.c": zeros}
    nats = 0.0
    for start in range(0, len(tokens) - 1, _CHUNK):
        read = tokens[start : start + _CHUNK + 1]
        feed = {"input_ids": read[None, :-1], **states}
        logits, hidden, cells = session.run(
            ["logits", "next_state.h", "next_state.c"], feed
        )
        states = {"state.h": hidden, "state.c": cells}
        nats += float(surprise(logits[0], read[1:]).sum())
    return nats / len(text)


def _onnx_gates(weight: torch.Tensor) -> torch.Tensor:
    """Reorder the gates: torch has input, forget, cell, output; ONNX i, o, f, c."""
    i, f, c, o = weight.detach().chunk(4)
    return torch.cat([i, o, f, c])


def _tensor(name: str, weight: torch.Tensor) -> onnx.TensorProto:
    array = np.ascontiguousarray(weight.detach().numpy())
    return numpy_helper.from_array(array, name)


def _value(name: str, sizes: tuple[int | str, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)


def _node(
    kind: str,
    inputs: list[str],
    outputs: list[str],
    path: str,
    **attributes: Any,
) -> onnx.NodeProto:
    """Return a node that keeps the module's path in ``doc_string`` for a while."""
    return helper.make_node(
        kind, inputs, outputs, name=outputs[0], doc_string=path, **attributes
    )
