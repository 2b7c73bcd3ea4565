"""Language models against the programs that people run them by."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from comparing import Samples, interleave, ratio
from peer_process import SETTLE_S, PeerMissingError, PeerProcess, write_model
from raw_peer import Feeds, RawPeer
from report import Report, Row, say

from layerscope.client.engine_client import EngineClient
from layerscope.engine.runtime.sessions import n_threads
from layerscope.protocol.answers import GeneratedText
from layerscope.protocol.inputs import TensorArray, TokenIds
from layerscope.protocol.messages import (
    AskLens,
    FetchTensor,
    GraphDescribed,
    LensAnswered,
    OpenModel,
    Run,
    RunAnswered,
    TensorFetched,
)

MODEL = 1
N_PROMPT, N_NEW = 16, 48
N_KEPT_PROMPT = 64
N_LONG = 2048
N_WORDS, N_LAYERS, N_HEADS, HEAD = 8192, 6, 12, 32
# What TransformerLens keeps too: what goes through norms, heads, layers and sums. The
# seven steps inside GELU are one in torch, so only what comes out of it is kept here.
KEPT_OPS = frozenset(
    {"MatMul", "Gemm", "Add", "LayerNormalization", "Softmax", "Split", "Mul"}
)
INSIDE_GELU, GELU = "/act/", "/act/Mul_3_output_0"
SEED = 0


class TextEngine:
    """A language model in an engine, used as the window uses it.

    Parameters
    ----------
    folder : Path
        Of the model.
    task : str
        Its task.
    """

    def __init__(self, folder: Path, task: str = "text-generation") -> None:
        self.client = EngineClient()
        self.client.start()
        self.tensors: list[str] = []
        command = OpenModel(
            job=self.client.next_job(),
            model=MODEL,
            path=str(folder),
            device="cpu",
            task=task,
        )
        for event in self.client.call(command):
            if isinstance(event, GraphDescribed):
                self.tensors += [
                    name
                    for node in event.nodes
                    if node.op in KEPT_OPS
                    for name in node.outputs
                    if INSIDE_GELU not in name or name.endswith(GELU)
                ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def generate(
        self, ids: Sequence[int], n_new: int = N_NEW, **settings: Any
    ) -> tuple[float, list[int]]:
        """Generate greedily; milliseconds from the command to the last event."""
        time.sleep(SETTLE_S)
        started = time.perf_counter()
        command = Run(
            job=self.client.next_job(),
            model=MODEL,
            inputs={"text": TokenIds(ids=tuple(ids))},
            settings={
                "greedy": True,
                "max_new_tokens": n_new,
                "stop_at_end": False,
                **settings,
            },
        )
        made: list[int] = []
        for event in self.client.call(command):
            if isinstance(event, RunAnswered) and event.answer is not None:
                part = event.answer.parts[0]
                assert isinstance(part, GeneratedText)
                made = [token.id for token in part.tokens]
        return (time.perf_counter() - started) * 1e3, made

    def head(self, layer: int, head: int) -> npt.NDArray[np.float32]:
        """Return the attention of one head in the last run."""
        command = AskLens(
            job=self.client.next_job(),
            model=MODEL,
            lens="attention",
            question={"layer": layer, "head": head},
        )
        for event in self.client.call(command):
            if isinstance(event, LensAnswered):
                found = event.arrays["weights"]
                weights: npt.NDArray[np.float32] = self.client.arrays_in.get(found)
                return weights
        raise RuntimeError("the lens did not answer")

    def kept_run(self, feeds: Feeds) -> tuple[float, RunAnswered]:
        """Run with all activations kept; milliseconds."""
        time.sleep(SETTLE_S)
        started = time.perf_counter()
        command = Run(
            job=self.client.next_job(),
            model=MODEL,
            inputs={
                name: TensorArray(array=self.client.arrays_out.put(array))
                for name, array in feeds.items()
                if array.size
            },
            keep_tensors=tuple(self.tensors),
        )
        answered: RunAnswered | None = None
        for event in self.client.call(command):
            if isinstance(event, RunAnswered):
                answered = event
        assert answered is not None
        return (time.perf_counter() - started) * 1e3, answered

    def tensor(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor of the last run."""
        command = FetchTensor(job=self.client.next_job(), model=MODEL, tensor=name)
        parts = [
            self.client.arrays_in.get(event.array).copy()
            for event in self.client.call(command)
            if isinstance(event, TensorFetched)
        ]
        return np.concatenate([part.reshape(-1) for part in parts])


def measure(report: Report, out: Path, *, quick: bool) -> None:
    """Measure all rows; those whose peer is missing say so in a line."""
    rounds = 5 if quick else 60
    random = np.random.default_rng(SEED)
    try:
        gpt = write_model("optimum", "make_text_models.py", "gpt2", into=out / "gpt2")
    except PeerMissingError as missing:
        say(f"text: no rows of GPT-2, {missing}")
    else:
        # One row's engine is not there while the next is measured.
        for row in (_against_optimum, _inside, _kept, _head):
            _row_of(row, report, gpt, random, rounds)
    try:
        llama = write_model("genai", "make_text_models.py", "llama", into=out / "llama")
    except PeerMissingError as missing:
        say(f"text: no row of onnxruntime-genai, {missing}")
    else:
        _row_of(_against_genai, report, llama, random, rounds)


def _row_of(row: Callable[..., None], *arguments: Any) -> None:
    try:
        row(*arguments)
    except PeerMissingError as missing:
        say(f"text: a row is missing, {missing}")


def _ids(random: np.random.Generator, n: int) -> list[int]:
    return [int(one) for one in random.integers(1, N_WORDS, n)]


def _generating(
    report: Report,
    name: str,
    limit: float,
    engine: TextEngine,
    peer: PeerProcess,
    rounds: int,
    random: np.random.Generator,
) -> None:
    ids = _ids(random, N_PROMPT)
    made = engine.generate(ids)[1]
    theirs = peer.ask("generate", ids=ids, n_new=N_NEW)["tokens"]
    times = interleave(
        {
            "own": lambda: engine.generate(ids)[0],
            "peer": lambda: peer.ask("generate", ids=ids, n_new=N_NEW)["ms"],
        },
        rounds,
        warm_up=3,
    )
    note = _tokens(made, theirs, times["own"])
    found = ratio(times["peer"], times["own"])
    report.add(Row.of_ratio(name, found, limit, note, at_least=True))


def _tokens(made: list[int], theirs: list[int], own: Samples) -> str:
    """Return whether tokens are equal, and how fast ours came."""
    equal = "equal tokens" if made == theirs else "DIFFERENT TOKENS"
    different = len(set(made))
    per_s = N_NEW / float(np.median(own)) * 1e3
    return f"{equal}, {different} different; ours {per_s:.0f} tokens/s"


def _against_optimum(
    report: Report, folder: Path, random: np.random.Generator, rounds: int
) -> None:
    threads = str(n_threads())
    with (
        TextEngine(folder / "onnx") as engine,
        PeerProcess("optimum", "text_peers.py", "optimum", str(folder), threads) as one,
    ):
        name = f"{N_NEW} tokens: optimum-onnx generate / ours"
        _generating(report, name, 1.4, engine, one, rounds, random)


def _against_genai(
    report: Report, folder: Path, random: np.random.Generator, rounds: int
) -> None:
    threads = str(n_threads())
    with (
        TextEngine(folder / "genai") as engine,
        PeerProcess("genai", "text_peers.py", "genai", str(folder), threads) as one,
    ):
        name = f"{N_NEW} tokens: onnxruntime-genai / ours, its graph"
        _generating(report, name, 1.0, engine, one, rounds, random)


def _inside(
    report: Report, folder: Path, random: np.random.Generator, rounds: int
) -> None:
    ids = _ids(random, N_PROMPT)
    with TextEngine(folder / "onnx") as without, TextEngine(folder / "onnx") as engine:
        plain = without.generate(ids)[1]
        made = engine.generate(ids, keep_inside=True)[1]
        times = interleave(
            {
                "without": lambda: without.generate(ids)[0],
                "own": lambda: engine.generate(ids, keep_inside=True)[0],
            },
            rounds,
            warm_up=3,
        )
    report.add(
        Row.of_ratio(
            "  without capture / all attention and residuals kept",
            ratio(times["without"], times["own"]),
            0.97,
            _tokens(made, plain, times["own"]),
            at_least=True,
        )
    )


def _feeds(ids: Sequence[int]) -> Feeds:
    """Return what Optimum's graph takes for a prompt."""
    n = len(ids)
    feeds: Feeds = {
        "input_ids": np.array([ids], dtype=np.int64),
        "attention_mask": np.ones((1, n), dtype=np.int64),
        "position_ids": np.arange(n, dtype=np.int64)[None],
    }
    for layer in range(N_LAYERS):
        for kind in ("key", "value"):
            feeds[f"past_key_values.{layer}.{kind}"] = np.zeros(
                (1, N_HEADS, 0, HEAD), dtype=np.float32
            )
    return feeds


def _kept(
    report: Report, folder: Path, random: np.random.Generator, rounds: int
) -> None:
    ids = _ids(random, N_KEPT_PROMPT)
    threads = str(n_threads())
    feeds = _feeds(ids)
    with (
        TextEngine(folder / "onnx", "tensors") as engine,
        PeerProcess("genai", "text_peers.py", "lens", str(folder), threads) as lens,
    ):
        engine.kept_run(feeds)
        theirs = lens.ask("keep", ids=ids)
        last = engine.tensor("logits")[-N_WORDS:][: len(theirs["last"])]
        furthest = float(np.abs(last - np.array(theirs["last"])).max())
        times = interleave(
            {
                "own": lambda: engine.kept_run(feeds)[0],
                "lens": lambda: lens.ask("keep", ids=ids)["ms"],
            },
            rounds,
            warm_up=3,
        )
        note = (
            f"{len(engine.tensors)} tensors kept, theirs {theirs['n']}; logits differ "
            f"by {furthest:.0e} at most"
        )
    report.add(
        Row.of_ratio(
            f"{N_KEPT_PROMPT} tokens, all kept: TransformerLens / ours",
            ratio(times["lens"], times["own"]),
            1.9,
            note,
            at_least=True,
        )
    )


def _head(
    report: Report, folder: Path, random: np.random.Generator, rounds: int
) -> None:
    from text_pictures import MatrixPicture

    picture = MatrixPicture()
    ids = _ids(random, N_LONG)
    feeds = _feeds(ids)
    path = folder / "onnx" / "model.onnx"
    with (
        TextEngine(folder / "onnx") as engine,
        RawPeer(path, feeds, lingering=False) as raw,
    ):
        heads = iter(range(10**6))
        engine.generate(ids, 1)

        def click_ms(*, anew: bool) -> float:
            if anew:  # nothing of the last click is of use
                engine.generate(ids, 1)
            time.sleep(SETTLE_S)
            layer, head = divmod(next(heads) % (N_LAYERS * N_HEADS), N_HEADS)
            started = time.perf_counter()
            picture.paint(engine.head(layer, head))
            return (time.perf_counter() - started) * 1e3

        def raw_ms() -> float:
            time.sleep(SETTLE_S)
            return raw.run_ms()

        times = interleave(
            {
                "raw": raw_ms,
                "first": lambda: click_ms(anew=True),
                "next": lambda: click_ms(anew=False),
            },
            max(3, rounds // 4),
            warm_up=1,
        )
    for name, key, limit in (
        (f"1 head of {N_HEADS}, {N_LONG} tokens: first click / a run", "first", 1.2),
        ("  each further click / a run", "next", None),
    ):
        report.add(Row.of_ratio(name, ratio(times[key], times["raw"]), limit))
