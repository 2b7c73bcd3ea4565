"""The two towers of a CLIP whose halves were trained before: graphs and folder.

The image tower is a published classifier without its head, the text tower is MiniLM;
between them stands one matrix. Zhai et al., "LiT: Zero-Shot Transfer with Locked-image
text Tuning", 2022 (https://arxiv.org/abs/2111.07991), with both towers locked.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from training import minilm, publish, readable, weight_only

VISION, TEXT = Path("onnx/vision_model.onnx"), Path("onnx/text_model.onnx")
IMAGE_EMBEDS, TEXT_EMBEDS = "image_embeds", "text_embeds"
TEXT_INPUTS = ("input_ids", "attention_mask")
FEATURES = "flatten"
_PROJECTION = "visual_projection"
_EPSILON = 1e-12
Floats = npt.NDArray[np.float32]


class CLIPTextModelWithProjection(nn.Module):
    """MiniLM and the mean of its hidden states, of length one; nothing is added.

    Parameters
    ----------
    bert : BertModel
    """

    def __init__(self, bert: minilm.BertModel) -> None:
        super().__init__()
        self.text_model = bert
        self.pooler = minilm.MeanPooler()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        """Map (n, words) int64 twice to (n, 384), each of length one."""
        types = torch.zeros_like(input_ids)
        hidden = self.text_model(input_ids, attention_mask, types)
        return functional.normalize(self.pooler(hidden, attention_mask), dim=1)


def trunk_of(classifier: onnx.ModelProto) -> onnx.ModelProto:
    """Return the part of a bundled classifier that makes features of a picture."""
    extractor = onnx.utils.Extractor(classifier)
    trunk = extractor.extract_model([publish.INPUT], [FEATURES])
    trunk.ir_version = min(classifier.ir_version, publish.IR_VERSION)
    return trunk


def image_tower(trunk: onnx.ModelProto, projection: Floats) -> onnx.ModelProto:
    """Return `trunk` with a projection behind it, and its length made one.

    Parameters
    ----------
    trunk : ModelProto
        What `trunk_of` returns.
    projection : (n_features, n) float32 array
        To the space of the texts.
    """
    tower = onnx.ModelProto()
    tower.CopyFrom(trunk)
    graph = tower.graph
    graph.name = "CLIPVisionModelWithProjection"
    weight = f"{_PROJECTION}.weight"
    length, smallest = f"{IMAGE_EMBEDS}.length", f"{IMAGE_EMBEDS}.smallest"
    clipped, axes = f"{length}.clipped", f"{IMAGE_EMBEDS}.axes"
    graph.initializer.append(numpy_helper.from_array(projection, weight))
    graph.initializer.append(numpy_helper.from_array(np.array([1]), axes))
    graph.initializer.append(
        numpy_helper.from_array(np.float32(_EPSILON).reshape(()), smallest)
    )
    nodes = [
        helper.make_node("MatMul", [FEATURES, weight], [_PROJECTION], _PROJECTION),
        helper.make_node("ReduceL2", [_PROJECTION, axes], [length], length),
        helper.make_node("Max", [length, smallest], [clipped], clipped),
        helper.make_node("Div", [_PROJECTION, clipped], [IMAGE_EMBEDS], IMAGE_EMBEDS),
    ]
    modules = {"": nn.Sequential(), _PROJECTION: nn.Linear(1, 1)}
    for node in nodes:
        path = _PROJECTION if node.op_type == "MatMul" else ""
        kind = node.op_type.lower()
        readable.write_scopes(node, path, (kind, kind), modules)
    graph.node.extend(nodes)
    del graph.output[:]
    shape = ["batch", projection.shape[1]]
    graph.output.append(
        helper.make_tensor_value_info(IMAGE_EMBEDS, onnx.TensorProto.FLOAT, shape)
    )
    onnx.checker.check_model(tower, full_check=True)
    return tower


def write_text_tower(folder: Path, tokenizer: Tokenizer, kept: list[int]) -> None:
    """Write MiniLM with int8 weights, and its tokenizer.

    Parameters
    ----------
    folder : Path
        Receives ``onnx/text_model.onnx`` and the tokenizer's files.
    tokenizer : Tokenizer
        With the vocabulary that is left.
    kept : list of int
        Its tokens' numbers in the whole vocabulary.
    """
    network = CLIPTextModelWithProjection(minilm.pretrained(kept))
    # Two tensors, for the exporter takes one that is handed in twice for one input.
    examples = [torch.ones(2, 9, dtype=torch.int64) for _ in TEXT_INPUTS]
    batch, length = (torch.export.Dim(name) for name in ("batch", "sequence"))
    model = publish.exported(
        network,
        *examples,
        inputs=TEXT_INPUTS,
        outputs=(TEXT_EMBEDS,),
        dynamic_shapes=tuple({0: batch, 1: length} for _ in TEXT_INPUTS),
    )
    (folder / TEXT).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(weight_only.with_int8_weights(model), folder / TEXT)
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


def write_config(
    folder: Path, *, image_size: int, n_features: int, n_tokens: int, scale: float
) -> None:
    """Write ``config.json`` as Hugging Face does for CLIP.

    Parameters
    ----------
    folder : Path
        Receives it.
    image_size, n_features, n_tokens : int
        Pixels a side, features of a picture, size of the vocabulary.
    scale : float
        What cosines are multiplied by before the softmax.
    """
    publish.write_json(
        folder / "config.json",
        {
            "architectures": ["CLIPModel"],
            "model_type": "clip",
            "projection_dim": minilm.CHANNELS,
            "logit_scale_init_value": math.log(scale),
            "text_config": {
                "model_type": "bert",
                "hidden_size": minilm.CHANNELS,
                "intermediate_size": minilm.INNER,
                "num_attention_heads": minilm.N_HEADS,
                "num_hidden_layers": minilm.N_LAYERS,
                "max_position_embeddings": minilm.N_POSITIONS,
                "type_vocab_size": 2,
                "vocab_size": n_tokens,
                "hidden_act": "gelu",
                "layer_norm_eps": 1e-12,
            },
            "vision_config": {
                "model_type": "resnet",
                "num_channels": 3,
                "image_size": image_size,
                "hidden_size": n_features,
            },
        },
    )


def text_embeddings(folder: Path, texts: list[str]) -> Floats:
    """Return what the published text tower makes of texts: (n, 384).

    Parameters
    ----------
    folder : Path
        With the tower and its tokenizer; raw onnxruntime runs it.
    texts : list of str
        Sentences.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    session = publish.cpu_session(folder / TEXT)
    rows = []
    for start in range(0, len(texts), 64):
        codes = tokenizer.encode_batch(texts[start : start + 64])
        feed = {
            "input_ids": np.array([code.ids for code in codes], np.int64),
            "attention_mask": np.array([c.attention_mask for c in codes], np.int64),
        }
        rows.append(session.run([TEXT_EMBEDS], feed)[0])
    return np.concatenate(rows)


def image_embeddings(folder: Path, pictures: npt.NDArray[np.uint8]) -> Floats:
    """Return what the published image tower makes of pictures: (n, 384).

    Parameters
    ----------
    folder : Path
        With the tower and ``preprocessor_config.json``.
    pictures : (n, 3, h, w) uint8 array
        RGB, of the right size.
    """
    session = publish.cpu_session(folder / VISION)
    return run_on(session, IMAGE_EMBEDS, folder, pictures)


def run_on(
    session: publish.onnxruntime.InferenceSession,
    output: str,
    folder: Path,
    pictures: npt.NDArray[np.uint8],
) -> Floats:
    """Return one output of a graph for pictures, batch after batch.

    Parameters
    ----------
    session : InferenceSession
        Takes ``pixel_values``.
    output : str
        Its name.
    folder : Path
        With ``preprocessor_config.json``.
    pictures : (n, 3, h, w) uint8 array
        RGB, of the right size.
    """
    rows = [
        session.run([output], {publish.INPUT: publish.prepared(folder, part)})[0]
        for part in np.split(pictures, range(250, len(pictures), 250))
    ]
    return np.concatenate(rows)
