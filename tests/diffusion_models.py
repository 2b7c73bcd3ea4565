"""Tiny random pipelines of diffusion, in the folder layout and names of diffusers.

Each graph has the real thing's inputs, outputs, types and ranks, and one layer of each
kind; nothing is trained.
"""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper
from tests.model_building import FLOAT, INT64, build, random_weights

INT32 = TensorProto.INT32
LENGTH, CHANNELS, WORD, HEADS = 8, 8, 6, 2
VOCABULARY = ["<|startoftext|>", "<|endoftext|>", "a", "red", "small", "digit", "big"]
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}


def node(kind, inputs, outputs, **options):
    return helper.make_node(kind, inputs, outputs, **options)


def denoiser(
    *,
    channels=4,
    taken=4,
    words=True,
    word=WORD,
    pooled="",
    sizes=False,
    label=False,
    time=(INT64, [1]),
    side=None,
    batch="batch",
    names=("sample", "timestep"),
    fails_at=None,
):
    """Return a network of one convolution, one cross-attention, one convolution."""
    sample, timestep = names
    sides = ["height", "width"] if side is None else [side, side]
    weights = {
        "conv_in": random_weights(CHANNELS, taken, 3, 3),
        "time_weight": random_weights(1, CHANNELS, 1, 1),
        "conv_out": random_weights(channels, CHANNELS, 3, 3, scale=0.1),
        "thousandth": np.float32(1e-3),
        "column": np.array([-1, 1, 1, 1], dtype=np.int64),
    }
    inputs = [
        (sample, FLOAT, [batch, taken, *sides]),
        (timestep, *time),
    ]
    nodes = [
        node("Conv", [sample, "conv_in"], ["features"], pads=[1, 1, 1, 1]),
        node("Cast", [timestep], ["time_float"], to=FLOAT),
        node("Mul", ["time_float", "thousandth"], ["time_small"]),
        node("Reshape", ["time_small", "column"], ["time_column"]),
        node("Mul", ["time_column", "time_weight"], ["time_embedding"]),
        node("Add", ["features", "time_embedding"], ["timed"]),
    ]
    last = "timed"
    if words:
        inputs.append(("encoder_hidden_states", FLOAT, [batch, "tokens", word]))
        more, added, last = cross_attention(last, word)
        nodes += more
        weights |= added
    for name, wide in (("text_embeds", WORD), ("pooled_projections", 2 * WORD)):
        if pooled == name:
            inputs.append((name, FLOAT, [batch, wide]))
            weights[f"{name}_weight"] = random_weights(wide, CHANNELS)
            weights["map"] = np.array([-1, CHANNELS, 1, 1], dtype=np.int64)
            nodes += [
                node("MatMul", [name, f"{name}_weight"], ["pooled_flat"]),
                node("Reshape", ["pooled_flat", "map"], ["pooled_map"]),
                node("Add", [last, "pooled_map"], ["with_pooled"]),
            ]
            last = "with_pooled"
    if sizes:
        inputs.append(("time_ids", FLOAT, [batch, 6]))
        weights["sizes_weight"] = random_weights(6, CHANNELS, scale=1e-2)
        weights["map"] = np.array([-1, CHANNELS, 1, 1], dtype=np.int64)
        nodes += [
            node("MatMul", ["time_ids", "sizes_weight"], ["sizes_flat"]),
            node("Reshape", ["sizes_flat", "map"], ["sizes_map"]),
            node("Add", [last, "sizes_map"], ["with_sizes"]),
        ]
        last = "with_sizes"
    if label:
        inputs.append(("class_labels", INT64, [batch]))
        weights["label_table"] = random_weights(label, CHANNELS, scale=1.0)
        weights["map"] = np.array([-1, CHANNELS, 1, 1], dtype=np.int64)
        nodes += [
            node("Gather", ["label_table", "class_labels"], ["label_flat"]),
            node("Reshape", ["label_flat", "map"], ["label_map"]),
            node("Add", [last, "label_map"], ["with_label"]),
        ]
        last = "with_label"
    nodes.append(node("Tanh", [last], ["active"]))
    out = "out_sample"
    nodes.append(
        node("Conv", ["active", "conv_out"], ["raw" if fails_at else out], pads=[1] * 4)
    )
    if fails_at:  # not a number below this time step
        weights["limit"] = np.float32(fails_at)
        weights["nan"] = np.float32("nan")
        nodes += [
            node("ReduceMax", ["time_float"], ["time_now"], keepdims=0),
            node("Less", ["time_now", "limit"], ["late"]),
            node("Where", ["late", "nan", "raw"], [out]),
        ]
    outputs = [(out, FLOAT, [batch, channels, *sides])]
    return build(nodes, inputs, outputs, weights)


def cross_attention(last, word):
    """Return nodes and weights of a layer whose queries are places, keys words."""
    part = WORD // HEADS
    weights = {
        "to_q": random_weights(CHANNELS, WORD, scale=1.0),
        "to_k": random_weights(word, WORD, scale=1.0),
        "to_v": random_weights(word, WORD, seed=1),
        "to_out": random_weights(WORD, CHANNELS, seed=2),
        "heads_apart": np.array([0, -1, HEADS, part], dtype=np.int64),
        "heads_joined": np.array([0, -1, WORD], dtype=np.int64),
        "flat": np.array([0, CHANNELS, -1], dtype=np.int64),
        "scale": np.float32(part**-0.5),
    }
    nodes = [
        node("Shape", [last], ["shape"]),
        node("Reshape", [last, "flat"], ["channels_places"]),
        node("Transpose", ["channels_places"], ["places"], perm=[0, 2, 1]),
        node("MatMul", ["places", "to_q"], ["q"]),
        node("MatMul", ["encoder_hidden_states", "to_k"], ["k"]),
        node("MatMul", ["encoder_hidden_states", "to_v"], ["v"]),
        node("Reshape", ["q", "heads_apart"], ["q_heads"]),
        node("Reshape", ["k", "heads_apart"], ["k_heads"]),
        node("Reshape", ["v", "heads_apart"], ["v_heads"]),
        node("Transpose", ["q_heads"], ["q_turned"], perm=[0, 2, 1, 3]),
        node("Transpose", ["k_heads"], ["k_turned"], perm=[0, 2, 3, 1]),
        node("Transpose", ["v_heads"], ["v_turned"], perm=[0, 2, 1, 3]),
        node("Mul", ["q_turned", "scale"], ["q_scaled"]),
        node("MatMul", ["q_scaled", "k_turned"], ["scores"]),
        node("Softmax", ["scores"], ["weights"], axis=-1),
        node("MatMul", ["weights", "v_turned"], ["seen"]),
        node("Transpose", ["seen"], ["seen_turned"], perm=[0, 2, 1, 3]),
        node("Reshape", ["seen_turned", "heads_joined"], ["seen_joined"]),
        node("MatMul", ["seen_joined", "to_out"], ["attended"]),
        node("Transpose", ["attended"], ["attended_turned"], perm=[0, 2, 1]),
        node("Reshape", ["attended_turned", "shape"], ["attended_map"]),
        node("Add", [last, "attended_map"], ["with_words"]),
    ]
    return nodes, weights, "with_words"


def text_encoder(*, width=WORD, seed=0, projected=False, kind=INT32):
    """Return a table of embeddings; with layers and a vector where SDXL wants them."""
    table = random_weights(len(VOCABULARY), width, scale=1.0, seed=seed)
    inputs = [("input_ids", kind, ["batch", LENGTH])]
    nodes = [node("Gather", ["table", "input_ids"], ["hidden_states.0"])]
    weights = {"table": table, "half": np.float32(0.5)}
    shape = ["batch", LENGTH, width]
    outputs = [("last_hidden_state", FLOAT, shape)]
    nodes += [
        node("Mul", ["hidden_states.0", "half"], ["hidden_states.1"]),
        node("Tanh", ["hidden_states.1"], ["last_hidden_state"]),
    ]
    if projected:
        nodes.append(
            node(
                "ReduceMean", ["last_hidden_state", "axis"], ["text_embeds"], keepdims=0
            )
        )
        weights["axis"] = np.array([1], dtype=np.int64)
        outputs += [
            ("text_embeds", FLOAT, ["batch", width]),
            ("hidden_states.0", FLOAT, shape),
            ("hidden_states.1", FLOAT, shape),
        ]
    return build(nodes, inputs, outputs, weights)


def decoder(channels=4, side=None):
    """Return a decoder to twice the size."""
    sides = ["height", "width"] if side is None else [side, side]
    doubled = ["rows", "columns"] if side is None else [2 * side, 2 * side]
    nodes = [
        node("Conv", ["latent_sample", "weight"], ["mixed"]),
        node("DepthToSpace", ["mixed"], ["large"], blocksize=2),
        node("Tanh", ["large"], ["sample"]),
    ]
    return build(
        nodes,
        [("latent_sample", FLOAT, ["batch", channels, *sides])],
        [("sample", FLOAT, ["batch", 3, *doubled])],
        {"weight": random_weights(12, channels, 1, 1, scale=0.5)},
    )


def encoder(channels=4):
    """Return an encoder to half the size."""
    nodes = [
        node("SpaceToDepth", ["sample"], ["small"], blocksize=2),
        node("Conv", ["small", "weight"], ["latent_sample"]),
    ]
    return build(
        nodes,
        [("sample", FLOAT, ["batch", 3, "height", "width"])],
        [("latent_sample", FLOAT, ["batch", channels, "rows", "columns"])],
        {"weight": random_weights(channels, 12, 1, 1, scale=0.5)},
    )


def write_tokenizer(folder):
    """Write CLIP's two files: words are letters but for those of `VOCABULARY`."""
    folder.mkdir(parents=True)
    pieces, merges = list(VOCABULARY[:2]), []
    for word in VOCABULARY[2:]:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            merges.append(f"{parts[0]} {parts[1]}")
            parts = [parts[0] + parts[1], *parts[2:]]
    known = {word + "</w>": 2 + at for at, word in enumerate(VOCABULARY[2:])}
    vocabulary = {piece: at for at, piece in enumerate(pieces)} | known
    # What merges go through needs an id too; the table has none for it.
    inner = {p for merge in merges for p in merge.split()} | {
        "".join(m.split()) for m in merges
    }
    for piece in sorted(inner - vocabulary.keys()):
        vocabulary[piece] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    config = {
        "model_max_length": LENGTH,
        "pad_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "bos_token": "<|startoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write(
    folder, graphs, *, index="StableDiffusionPipeline", scheduler=None, unet=None
):
    """Write graphs by component, and all configurations."""
    for name, model in graphs.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        onnx.save(model, folder / name / "model.onnx")
    text = {"max_position_embeddings": LENGTH}
    vae = {"block_out_channels": [4, 8], "latent_channels": 4, "scaling_factor": 0.5}
    for name, config in (
        ("text_encoder", text),
        ("text_encoder_2", text),
        ("vae_decoder", vae),
        ("unet", {"sample_size": 8, "in_channels": 4, **(unet or {})}),
        ("transformer", {"sample_size": 8, "in_channels": 4, **(unet or {})}),
    ):
        if name in graphs:
            (folder / name / "config.json").write_text(json.dumps(config))
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps({**SCHEDULER, **(scheduler or {})})
    )
    (folder / "model_index.json").write_text(
        json.dumps({"_class_name": index, "force_zeros_for_empty_prompt": False})
    )
    return folder


def stable_diffusion(folder, *, scheduler=None, **options):
    """Write a pipeline in the shape of Stable Diffusion 1."""
    write_tokenizer(folder / "tokenizer")
    graphs = {
        "text_encoder": text_encoder(),
        "unet": denoiser(**options),
        "vae_decoder": decoder(),
        "vae_encoder": encoder(),
    }
    return write(folder, graphs, scheduler=scheduler)


def stable_diffusion_xl(folder):
    """Write a pipeline of two text encoders that is told sizes."""
    write_tokenizer(folder / "tokenizer")
    write_tokenizer(folder / "tokenizer_2")
    graphs = {
        "text_encoder": text_encoder(projected=True),
        "text_encoder_2": text_encoder(projected=True, seed=3, kind=INT64),
        "unet": denoiser(
            word=2 * WORD, pooled="text_embeds", sizes=True, time=(FLOAT, [])
        ),
        "vae_decoder": decoder(),
        "vae_encoder": encoder(),
    }
    return write(folder, graphs, index="StableDiffusionXLPipeline")


def stable_diffusion_3(folder):
    """Write a pipeline of a transformer that predicts a flow."""
    write_tokenizer(folder / "tokenizer")
    write_tokenizer(folder / "tokenizer_2")
    graphs = {
        "text_encoder": text_encoder(projected=True, kind=INT64),
        "text_encoder_2": text_encoder(projected=True, seed=3, kind=INT64),
        "transformer": denoiser(
            word=20,
            pooled="pooled_projections",
            time=(FLOAT, ["batch"]),
            names=("hidden_states", "timestep"),
        ),
        "vae_decoder": decoder(),
        "vae_encoder": encoder(),
    }
    flow = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
    return write(
        folder,
        graphs,
        index="StableDiffusion3Pipeline",
        scheduler=flow,
        unet={"joint_attention_dim": 20},
    )
