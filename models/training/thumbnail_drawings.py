"""What can be drawn of a network: its filters, its attention, what it makes.

Each function looks at the folder and the main graph of a model and returns RGB pixels
of any size, or None where the model is of another kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper
from PIL import Image

from layerscope.library.samples import own_samples, sample_pictures
from training.thumbnail_pixels import (
    Floats,
    Pixels,
    as_picture,
    coloured,
    squared,
    tiled,
)

_TEXT = "What light through yonder window breaks? It is the east, and Juliet"
_MOST_TOKENS = 28
_STEPS = 32
_TILES = 4
_LEAST_MAP, _BEST_MAP, _MOST_MAP = 12, 30, 48
_AMONG_HEADS = (0.1, 0.35, 0.6, 0.85)
_EXPERTS = range(2, 17)


def main_graph(folder: Path) -> Path:
    """Return the file that says most about a model.

    Raises
    ------
    ValueError
        If there is no ONNX file.
    """
    files = sorted(folder.rglob("*.onnx"))
    if not files:
        raise ValueError(f"{folder.name} holds no ONNX file; train it first.")
    for name in ("unet/model", "model", "decoder", "vision_model", "generator"):
        for file in files:
            if file.with_suffix("").as_posix().endswith(name):
                return file
    return files[0]


# --- what it makes ------------------------------------------------------------------


def picture_from_words(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return a picture that a diffusion model makes of a prompt."""
    if not (folder / "model_index.json").is_file():
        return None
    from training.diffusion_sampling import Sampler

    own = own_samples(folder).text
    prompt = own[0] if own else "a handwritten seven"
    return as_picture(Sampler(folder).pictures([prompt], seed=1)[0])


def pictures_from_noise(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return four pictures that a generator makes of noise."""
    size = _latent_size(graph)
    if size is None or size == 2:
        return None
    rng = np.random.default_rng(4)
    made = _made(graph, rng.standard_normal((4, size)).astype(np.float32))
    return tiled([as_picture(one) for one in made], 2)


def plane_of_latents(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return what a decoder makes of a plane of two latent numbers."""
    decoder = next(folder.rglob("*decoder*.onnx"), None)
    drawn = onnx.load(decoder) if decoder is not None else graph
    if _latent_size(drawn) != 2:
        return None
    steps = np.linspace(-1.6, 1.6, 5, dtype=np.float32)
    plane = np.array([(x, -y) for y in steps for x in steps], dtype=np.float32)
    return tiled([as_picture(one) for one in _made(drawn, plane)], 5)


# --- what it has learnt, and what it sees -------------------------------------------


def maps(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return four maps of an early layer while the network looks at its sample."""
    if len(graph.graph.input[0].type.tensor_type.shape.dim) != 4:
        return None
    seen = [a for op in ("Relu", "Conv") for a in _inside(folder, graph, op)]
    early = [
        a[0]
        for a in seen
        if a.ndim == 4
        and a.shape[1] >= _TILES
        and _LEAST_MAP <= a.shape[2] <= _MOST_MAP
    ]
    if not early:
        return None
    layer = min(early, key=lambda a: abs(a.shape[1] - _BEST_MAP))
    telling = np.argsort(-layer.std((1, 2)))[:_TILES]
    return tiled([coloured(layer[channel]) for channel in np.sort(telling)], 2)


def filters(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return the filters of the first convolution, in colour where it sees colours."""
    arrays = {one.name: one for one in graph.graph.initializer}
    made = {name: node for node in graph.graph.node for name in node.output}
    for node in graph.graph.node:
        if node.op_type not in ("Conv", "ConvInteger", "QLinearConv"):
            continue
        name = node.input[3 if node.op_type == "QLinearConv" else 1]
        while name in made and made[name].op_type in ("DequantizeLinear", "Cast"):
            name = made[name].input[0]
        if name not in arrays:
            continue
        kernel = numpy_helper.to_array(arrays[name]).astype(np.float32)
        if kernel.ndim != 4 or min(kernel.shape[2:]) < 2:
            continue
        return _filter_wall(kernel)
    return None


def weights(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return the largest matrix of weights as a heat map."""
    best: Floats | None = None
    for one in graph.graph.initializer:
        if len(one.dims) >= 2 and one.data_type in (1, 2, 3, 10):
            array = numpy_helper.to_array(one).astype(np.float32)
            if best is None or array.size > best.size:
                best = array.reshape(array.shape[0], -1)
    return None if best is None else coloured(np.abs(best[:48, :48]))


# --- how it works -------------------------------------------------------------------


def routing(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return how strongly each expert is chosen for each token."""
    seen = _inside(folder, graph, "Softmax")
    routed = [
        a
        for a in seen
        if a.ndim <= 3 and a.shape[-1] in _EXPERTS and a.size > a.shape[-1]
    ]
    if not routed or not any(a.ndim == 4 for a in seen):
        return None
    wall = [a.reshape(-1, a.shape[-1])[:_MOST_TOKENS].T for a in routed]
    return coloured(squared(np.concatenate(wall)))


def attention(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return four heads of attention on a sentence or a picture."""
    seen = [a for a in _inside(folder, graph, "Softmax") if a.ndim == 4]
    heads = [head for a in seen for head in a[0] if min(head.shape) > 3]
    if not heads:
        return None
    # Heads that look at several things, and not all of them alike.
    entropy = [float(-(h * np.log(h + 1e-9)).sum(-1).mean()) for h in heads]
    order = np.argsort(entropy)
    picked = [
        heads[order[round(at * (len(heads) - 1))]] for at in (0.1, 0.35, 0.6, 0.85)
    ]
    return tiled([coloured(np.sqrt(_cut(head))) for head in picked], 2, gap=1)


def state_over_time(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return the hidden numbers of a recurrent network while it reads."""
    if not any(node.op_type in ("LSTM", "GRU", "RNN") for node in graph.graph.node):
        return None
    session = _session(graph)
    inputs = session.get_inputs()
    states = [i for i in inputs if "float" in i.type]
    if not states or not any("int" in i.type for i in inputs):
        return None
    outputs = [o.name for o in session.get_outputs()]
    held = {i.name: np.zeros(_sizes(i.shape), np.float32) for i in states}
    kept = []
    for token in _tokens(folder)[:_STEPS]:
        feeds = {
            i.name: held.get(i.name, np.full(_sizes(i.shape), token, np.int64))
            for i in inputs
        }
        found = dict(zip(outputs, session.run(None, feeds), strict=True))
        news = [
            v for v in found.values() if v.shape in {h.shape for h in held.values()}
        ]
        held = dict(zip(held, news, strict=False)) | {}
        kept.append(news[0].reshape(-1)[:_STEPS])
    return coloured(np.array(kept).T)


def spectrogram(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return what a network of sounds makes of its sample before it looks at it."""
    if not any(node.op_type in ("STFT", "DFT") for node in graph.graph.node):
        return None
    seen = [np.squeeze(a) for a in _inside(folder, graph, "Log")]
    seen = [a for a in seen if a.ndim == 2]
    if not seen:
        return None
    image = max(seen, key=lambda a: a.size)
    # Low tones at the bottom, time to the right.
    image = image if image.shape[1] > image.shape[0] else image.T
    return coloured(squared(image[::-1]))


# --- parts --------------------------------------------------------------------------


def _filter_wall(kernel: Floats) -> Pixels:
    strength = np.square(kernel).sum((1, 2, 3))
    n = 4 if len(kernel) >= 16 else 3 if len(kernel) >= 9 else 2
    strongest = np.sort(np.argsort(-strength)[: n * n])
    tiles = []
    for one in kernel[strongest]:
        if one.shape[0] == 3:
            scale = max(float(np.abs(one).max()), 1e-9)
            tile = (127.5 + 127.5 * one / scale).transpose(1, 2, 0).astype(np.uint8)
        else:
            tile = coloured(one.mean(0))
        tiles.append(tile)
    times = max(1, 8 // tiles[0].shape[0])
    return tiled([t.repeat(times, 0).repeat(times, 1) for t in tiles], n, gap=1)


def _latent_size(graph: onnx.ModelProto) -> int | None:
    """Return how many numbers a graph takes that turns (n, k) into pictures."""
    if len(graph.graph.input) != 1:
        return None
    dims = graph.graph.input[0].type.tensor_type.shape.dim
    out = graph.graph.output[0].type.tensor_type.shape.dim
    flat = len(dims) == 2 and dims[1].dim_value > 1
    return dims[1].dim_value if flat and len(out) == 4 else None


def _made(graph: onnx.ModelProto, latents: Floats) -> Floats:
    session = _session(graph)
    name = session.get_inputs()[0].name
    made: Floats = session.run(None, {name: latents})[0]
    return made


def _session(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _inside(folder: Path, graph: onnx.ModelProto, op: str) -> list[Floats]:
    """Run a sample and return what every node of a kind gives."""
    names = [node.output[0] for node in graph.graph.node if node.op_type == op]
    if not names:
        return []
    opened = onnx.ModelProto()
    opened.CopyFrom(graph)
    for name in names:
        kind = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        opened.graph.output.append(kind)
    session = _session(opened)
    return list(session.run(names, _feeds(folder, session.get_inputs())))


def _feeds(folder: Path, inputs: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    """Return a sample for any inputs: words, pictures, else the model's own arrays."""
    own = own_samples(folder)
    arrays: Mapping[str, npt.NDArray[Any]] = {}
    if own.inputs is not None:
        arrays = np.load(own.inputs)
    ids = _tokens(folder)[:_MOST_TOKENS]
    feeds: dict[str, npt.NDArray[Any]] = {}
    for one in inputs:
        kind = np.int64 if "int64" in one.type else np.float32
        kind = np.int32 if "int32" in one.type else kind
        if one.name in arrays:
            feeds[one.name] = arrays[one.name][:1].astype(kind)
        elif "input_ids" in one.name:
            feeds[one.name] = np.array([ids], kind)
        elif "position" in one.name:
            feeds[one.name] = np.arange(len(ids), dtype=kind)[None]
        elif "mask" in one.name:
            feeds[one.name] = np.ones((1, len(ids)), kind)
        elif "type_ids" in one.name:
            feeds[one.name] = np.zeros((1, len(ids)), kind)
        elif len(one.shape) == 4 and "past" not in one.name:
            picture = (*own.pictures, *sample_pictures())[0]
            feeds[one.name] = _sample_picture(picture, _sizes(one.shape))
        else:
            feeds[one.name] = np.zeros(_sizes(one.shape, past=0), kind)
    return feeds


def _sample_picture(picture: Path, shape: tuple[int, ...]) -> Floats:
    mode = "L" if shape[1] == 1 else "RGB"
    image = Image.open(picture).convert(mode).resize(shape[:1:-1])
    pixels = np.asarray(image, np.float32).reshape(*shape[2:], -1) / 255
    return (4 * pixels - 2).transpose(2, 0, 1)[None].astype(np.float32)


def _tokens(folder: Path) -> list[int]:
    """Return a sentence as the ids of the model's own tokenizer."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return list(range(1, _MOST_TOKENS + 1))
    from tokenizers import Tokenizer

    own = own_samples(folder).text
    text = max([*own, _TEXT], key=len)
    ids: list[int] = Tokenizer.from_file(str(file)).encode(text).ids
    return ids


def _sizes(shape: Sequence[Any], past: int = 1) -> tuple[int, ...]:
    """Return a shape with 1 for free sizes, `past` for what came before."""
    return tuple(
        size if isinstance(size, int) else past if "past" in str(size) else 1
        for size in shape
    )


def _cut(head: Floats) -> Floats:
    side = min(_MOST_TOKENS, *head.shape)
    return head[:side, :side]
