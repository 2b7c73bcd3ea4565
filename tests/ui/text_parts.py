"""Texts, tokens and answers of lenses, as the tests of the text views need them."""

import numpy as np

from layerscope.protocol.answers import Alternative, Answer, GeneratedText, Token
from layerscope.protocol.messages import LensAnswered
from layerscope.protocol.values import ArrayRef, InputSlot, SettingSpec, TensorInfo

WORDS = ("ROMEO", ":", "\n", "What", " light", " is", " this", "\n", " win", "dow")


def tokens(words=WORDS, first=0):
    """Return given tokens, each with its place as id."""
    return tuple(Token(id=first + n, text=word) for n, word in enumerate(words))


def made(words=(" the", " sun", "."), first=100):
    """Return made tokens with a probability and two alternatives each."""
    return tuple(
        Token(
            id=first + n,
            text=word,
            probability=0.6,
            alternatives=(
                Alternative(id=first + n, text=word, probability=0.6),
                Alternative(id=900 + n, text=" moon", probability=0.2),
            ),
        )
        for n, word in enumerate(words)
    )


def text_slot(name="text", note="text, at most 256 tokens"):
    tensor = TensorInfo(name="input_ids", dtype="int64", shape=("batch", "sequence"))
    return InputSlot(name=name, kind="text", tensor=tensor, note=note)


SAMPLING = (
    SettingSpec(
        name="max_new_tokens",
        label="New tokens",
        kind="int",
        default=24,
        group="Sampling",
    ),
    SettingSpec(
        name="temperature",
        label="Temperature",
        kind="float",
        default=0.8,
        minimum=0.0,
        maximum=2.0,
        group="Sampling",
    ),
)


def open_text_model(controller, lenses=("attention", "logit-lens", "sampling")):
    """Let the session look as after a language model was opened."""
    session = controller.session
    session.model, session.model_path, session.model_name = 1, "/models/gpt", "GPT"
    session.runnable, session.stepped = True, True
    session.task, session.tasks = "text-generation", ("text-generation", "tensors")
    session.slots = (text_slot(),)
    session.setting_specs = SAMPLING
    session.lenses = lenses


def write(controller, new=None, *, running=False, stopped="length", speed=312.0):
    """Let a run have made tokens, finished unless it is `running`."""
    session = controller.session
    session.prompt = tokens()
    session.tokens = made() if new is None else new
    session.running = running
    text = "".join(token.text for token in session.tokens)
    part = GeneratedText(
        text=text,
        tokens_per_second=speed,
        first_token_ms=9.0,
        stopped="" if running else stopped,
    )
    session.answer = Answer(parts=(part,))
    session.n_runs += not running


def lens_answer(lens, arrays=None, numbers=None, texts=None):
    """Return the answer of a lens, arrays inside."""
    return LensAnswered(
        job=1,
        model=1,
        lens=lens,
        arrays={k: ArrayRef.inline(np.asarray(v)) for k, v in (arrays or {}).items()},
        numbers=numbers or {},
        texts=texts or {},
    )


def causal(n=10, seed=0):
    """Return causal attention weights (n, n) float32, rows that sum to one."""
    rng = np.random.default_rng(seed)
    weights = np.tril(rng.random((n, n)) ** 4 + 1e-3).astype(np.float32)
    return weights / weights.sum(axis=1, keepdims=True)


def overview(layers=3, heads=4):
    """Return the answer of the attention lens about all heads."""
    rng = np.random.default_rng(1)
    maps = np.tril(rng.integers(0, 256, (layers, heads, 12, 12))).astype(np.uint8)
    return lens_answer(
        "attention",
        arrays={"overview": maps},
        numbers={
            "layers": tuple(float(n) for n in range(layers)),
            "heads": (float(heads),) * layers,
        },
        texts={
            "names": tuple(f"h.{n}.attn" for n in range(layers)),
            "kinds": ("self",) * layers,
            "tokens": WORDS,
        },
    )


def head(weights=None):
    """Return the answer of the attention lens about one head."""
    weights = causal() if weights is None else weights
    return lens_answer(
        "attention",
        arrays={"weights": weights},
        numbers={"query_offset": (0.0,)},
        texts={"queries": WORDS, "keys": WORDS, "name": ("h.1.attn",)},
    )
