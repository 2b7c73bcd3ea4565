"""Tiny language models, each form of attention once, and the same in plain numpy.

All have the same weights, so that one reference serves them all.
"""

import numpy as np
import onnx
from onnx import helper
from tests.model_building import FLOAT, IR_VERSION, random_weights

INT64, INT32 = onnx.TensorProto.INT64, onnx.TensorProto.INT32
VOCABULARY, POSITIONS, WIDTH, HEADS, LAYERS = 40, 64, 16, 2, 2
SIZE = WIDTH // HEADS
MASKED = -1e9
KINDS = (
    "unfused",
    "unfused with IsNaN",
    "Attention-23",
    "MultiHeadAttention",
    "GroupQueryAttention",
    "Attention",
)


def weights():
    """Return the weights by name; biases are there too, so that none may be lost."""
    found = {
        "wte": random_weights(VOCABULARY, WIDTH, scale=0.4, seed=1),
        "wpe": random_weights(POSITIONS, WIDTH, scale=1.0, seed=2),
        "ln_f.w": 1 + random_weights(WIDTH, seed=3),
        "ln_f.b": random_weights(WIDTH, scale=0.02, seed=4),
        "lm_head": random_weights(WIDTH, VOCABULARY, scale=0.5, seed=5),
    }
    for layer in range(LAYERS):
        for at, (name, shape) in enumerate(
            {
                "ln_1.w": (WIDTH,),
                "ln_1.b": (WIDTH,),
                "qkv": (WIDTH, 3 * WIDTH),
                "qkv.b": (3 * WIDTH,),
                "out": (WIDTH, WIDTH),
                "ln_2.w": (WIDTH,),
                "ln_2.b": (WIDTH,),
                "up": (WIDTH, 2 * WIDTH),
                "down": (2 * WIDTH, WIDTH),
            }.items()
        ):
            array = random_weights(*shape, scale=0.5, seed=10 * layer + at)
            found[f"h.{layer}.{name}"] = 1 + array if name.endswith(".w") else array
    return found


def reference(ids):
    """Return logits, attention of each layer and the stream, computed in float64.

    Returns
    -------
    logits : (n, vocabulary), attention : list of (heads, n, n), stream : list of (n, d)
    """
    w = {name: value.astype(np.float64) for name, value in weights().items()}
    n = len(ids)
    x = w["wte"][ids] + w["wpe"][:n]
    stream, attention = [x], []
    allowed = np.tri(n, dtype=bool)
    for layer in range(LAYERS):
        p = f"h.{layer}."
        q, k, v = np.split(
            norm(x, w[p + "ln_1.w"], w[p + "ln_1.b"]) @ w[p + "qkv"] + w[p + "qkv.b"],
            3,
            axis=1,
        )
        maps, mixed = [], []
        for head in range(HEADS):
            part = slice(head * SIZE, (head + 1) * SIZE)
            scores = np.where(allowed, q[:, part] @ k[:, part].T / SIZE**0.5, -np.inf)
            powers = np.exp(scores - scores.max(axis=1, keepdims=True))
            maps.append(powers / powers.sum(axis=1, keepdims=True))
            mixed.append(maps[-1] @ v[:, part])
        attention.append(np.stack(maps))
        x = x + np.concatenate(mixed, axis=1) @ w[p + "out"]
        inner = norm(x, w[p + "ln_2.w"], w[p + "ln_2.b"]) @ w[p + "up"]
        x = x + np.maximum(inner, 0) @ w[p + "down"]
        stream.append(x)
    return head_of(x, w), attention, stream


def norm(x, weight, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias
    )


def head_of(x, w=None):
    """Return logits of the stream."""
    w = w or {name: value.astype(np.float64) for name, value in weights().items()}
    return norm(x, w["ln_f.w"], w["ln_f.b"]) @ w["lm_head"]


class _Graph:
    """Nodes and constants in the making."""

    def __init__(self, arrays):
        self.nodes, self.arrays = [], dict(arrays)

    def __call__(self, op, *inputs, out="", n=1, domain="", **attributes):
        names = [
            self.constant(one) if isinstance(one, np.ndarray) else one for one in inputs
        ]
        serial = len(self.nodes)
        out = out or f"{op.lower()}_{serial}"
        outputs = [out] if n == 1 else [f"{out}_{at}" for at in range(n)]
        self.nodes.append(
            helper.make_node(
                op, names, outputs, f"{op}_{serial}", domain=domain, **attributes
            )
        )
        return outputs[0] if n == 1 else outputs

    def constant(self, array):
        name = f"constant_{len(self.arrays)}"
        self.arrays[name] = array
        return name


def decoder(kind="unfused", *, cache=True):
    """Return a decoder with the attention of one kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    cache : bool
        Whether it takes and gives keys and values, as Optimum's do.
    """
    g = _Graph(weights())
    x = g("Add", g("Gather", "wte", "input_ids"), g("Gather", "wpe", "position_ids"))
    total = g("Shape", "attention_mask", start=1, end=2)
    places = g("Range", *(np.array(0), g("Squeeze", total), np.array(1)))
    late = g("Unsqueeze", "position_ids", np.array([2]))
    allowed = g("LessOrEqual", places, late, out="allowed")  # [1, n, total]
    for layer in range(LAYERS):
        p = f"h.{layer}."
        inside = g("LayerNormalization", x, p + "ln_1.w", p + "ln_1.b")
        mixed = _attention(g, kind, layer, inside, allowed, cache)
        x = g("Add", x, g("MatMul", mixed, p + "out"))
        inner = g("LayerNormalization", x, p + "ln_2.w", p + "ln_2.b")
        inner = g("MatMul", g("Relu", g("MatMul", inner, p + "up")), p + "down")
        x = g("Add", x, inner)
    last = g("LayerNormalization", x, "ln_f.w", "ln_f.b")
    g("MatMul", last, "lm_head", out="logits")
    return _model(g, kind, cache)


def _attention(g, kind, layer, inside, allowed, cache):
    p = f"h.{layer}."
    past = [
        f"past_key_values.{layer}.{part}" if cache else "" for part in ("key", "value")
    ]
    present = [f"present.{layer}.{part}" if cache else "" for part in ("key", "value")]
    if kind == "Attention":
        return _projected(g, p, inside, layer, cache)
    both = g("Add", g("MatMul", inside, p + "qkv"), p + "qkv.b")
    q, k, v = g("Split", both, n=3, axis=2, num_outputs=3)
    if kind == "GroupQueryAttention":
        last = g(
            "Cast",
            g("ReduceSum", "attention_mask", np.array([1]), keepdims=0),
            to=INT32,
        )
        valid = g("Sub", last, np.array([1], np.int32))
        whole = g("Squeeze", last)
        g.nodes.append(
            helper.make_node(
                kind,
                [q, k, v, *past, valid, whole],
                [f"mixed_{layer}", *present],
                f"{kind}_{layer}",
                domain="com.microsoft",
                num_heads=HEADS,
                kv_num_heads=HEADS,
            )
        )
        return f"mixed_{layer}"
    if kind == "MultiHeadAttention":
        bias = g(
            "Where",
            allowed,
            np.float32(0) + np.zeros(1, np.float32),
            np.full(1, MASKED, np.float32),
        )
        bias = g("Unsqueeze", bias, np.array([1]))
        g.nodes.append(
            helper.make_node(
                kind,
                [q, k, v, "", "", bias, *past],
                [f"mixed_{layer}", *present],
                f"{kind}_{layer}",
                domain="com.microsoft",
                num_heads=HEADS,
            )
        )
        return f"mixed_{layer}"
    if kind == "Attention-23":
        mask = g("Unsqueeze", allowed, np.array([1]))
        g.nodes.append(
            helper.make_node(
                "Attention",
                [q, k, v, mask, *past],
                [f"mixed_{layer}", *present],
                f"{kind}_{layer}",
                q_num_heads=HEADS,
                kv_num_heads=HEADS,
            )
        )
        return f"mixed_{layer}"
    q, k, v = (
        g(
            "Transpose",
            g("Reshape", one, np.array([0, 0, HEADS, SIZE])),
            perm=[0, 2, 1, 3],
        )
        for one in (q, k, v)
    )
    if cache:
        k = g("Concat", past[0], k, out=present[0], axis=2)
        v = g("Concat", past[1], v, out=present[1], axis=2)
    scores = g("MatMul", q, g("Transpose", k, perm=[0, 1, 3, 2]))
    scores = g("Mul", scores, np.array(SIZE**-0.5, np.float32))
    mask = g("Unsqueeze", allowed, np.array([1]))
    scores = g("Where", mask, scores, np.array(MASKED, np.float32))
    shares = g("Softmax", scores, axis=-1)
    if kind == "unfused with IsNaN":
        empty = g("IsNaN", shares)
        shares = g("Where", empty, np.array(0, np.float32), shares)
    mixed = g("Transpose", g("MatMul", shares, v), perm=[0, 2, 1, 3])
    return g("Reshape", mixed, np.array([0, 0, WIDTH]))


def _projected(g, p, inside, layer, cache):
    """Return com.microsoft's Attention, whose keys and values are one tensor."""
    mask = g("Cast", "attention_mask", to=INT32)
    past, present = (f"past_{layer}", f"present_{layer}") if cache else ("", "")
    g.nodes.append(
        helper.make_node(
            "Attention",
            [inside, p + "qkv", p + "qkv.b", mask, past],
            [f"mixed_{layer}", *([present] if cache else [])],
            f"Attention_{layer}",
            domain="com.microsoft",
            num_heads=HEADS,
            unidirectional=1,
        )
    )
    return f"mixed_{layer}"


def _model(g, kind, cache):
    inputs = [
        ("input_ids", INT64, ["batch", "sequence_length"]),
        ("attention_mask", INT64, ["batch", "total_sequence_length"]),
        ("position_ids", INT64, ["batch", "sequence_length"]),
    ]
    outputs = [("logits", FLOAT, ["batch", "sequence_length", VOCABULARY])]
    for layer in range(LAYERS if cache else 0):
        if kind == "Attention":
            shape = [2, "batch", HEADS, "past_sequence_length", SIZE]
            inputs.append((f"past_{layer}", FLOAT, shape))
            outputs.append(
                (
                    f"present_{layer}",
                    FLOAT,
                    [2, "batch", HEADS, "total_sequence_length", SIZE],
                )
            )
            continue
        for part in ("key", "value"):
            name = f"{layer}.{part}"
            inputs.append(
                (
                    f"past_key_values.{name}",
                    FLOAT,
                    ["batch", HEADS, "past_sequence_length", SIZE],
                )
            )
            outputs.append(
                (
                    f"present.{name}",
                    FLOAT,
                    ["batch", HEADS, "total_sequence_length", SIZE],
                )
            )
    graph = helper.make_graph(
        g.nodes,
        "decoder",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [onnx.numpy_helper.from_array(a, name) for name, a in g.arrays.items()],
    )
    opset = 23 if kind == "Attention-23" else 18
    return helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid("", opset),
            helper.make_opsetid("com.microsoft", 1),
        ],
        ir_version=IR_VERSION,
        producer_name="layerscope-tests",
    )


def greedy(session, prompt, n):
    """Return the tokens a plain loop of raw onnxruntime makes.

    Parameters
    ----------
    session : InferenceSession
        Of a decoder; what it takes is read off its inputs.
    prompt : list of int
    n : int
        Tokens to make.
    """
    names = [output.name for output in session.get_outputs()]
    infos = {info.name: info for info in session.get_inputs()}
    kinds = {
        "tensor(int64)": np.int64,
        "tensor(int32)": np.int32,
        "tensor(float)": np.float32,
        "tensor(float16)": np.float16,
    }
    past = {}
    for name, info in infos.items():
        if "past" in name or "state" in name:
            shape = [side if isinstance(side, int) else 1 for side in info.shape]
            if "past" in name:
                shape[-2] = 0
            past[name] = np.zeros(shape, kinds[info.type])
    pairs = {
        name: next(
            out
            for out in (
                name.replace("past_key_values", "present"),
                name.replace("past", "present"),
                f"next_{name}",
            )
            if out in names
        )
        for name in past
    }
    ids, so_far = list(prompt), 0
    new = list(prompt)
    for _ in range(n):
        if not past:
            new, so_far = ids, 0
        feeds = {"input_ids": np.array([new])}
        feeds["attention_mask"] = np.ones((1, so_far + len(new)))
        feeds["position_ids"] = np.arange(so_far, so_far + len(new))[None]
        feeds = {
            k: v.astype(kinds[infos[k].type]) for k, v in feeds.items() if k in infos
        }
        found = dict(zip(names, session.run(None, {**feeds, **past}), strict=True))
        past = {name: found[out] for name, out in pairs.items()}
        so_far += len(new)
        new = [int(found["logits"][0, -1].argmax())]
        ids += new
    return ids[len(prompt) :]
