"""Diffusion against the programs that people run it by, and the pad of latents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from comparing import interleave, ratio
from peer_process import (
    CHECKOUT,
    SETTLE_S,
    PeerMissingError,
    PeerProcess,
    write_model,
)
from raw_peer import RawPeer
from report import Report, Row, say

from layerscope.client.engine_client import EngineClient
from layerscope.engine.runtime.sessions import n_threads
from layerscope.protocol.inputs import InputSource, TensorArray, TypedText
from layerscope.protocol.messages import OpenModel, Run, RunAnswered

MODEL = 1
PROMPT = "a small red house"
STEPS, GUIDANCE, SEED = 8, 7.5, 3
LATENT = (4, 32, 32)
PICTURE = "answer:picture"
PAD = CHECKOUT / "models" / "digits-vae" / "decoder" / "model.onnx"
PAD_INPUT, PAD_SHAPE = "latent", (1, 2)
MOST_SHOWN_PER_S = 60.0
PLAIN = {"preview": "off"}
LOOKING = {"preview": "automatic", "attention": True}


class PictureEngine:
    """A model that makes pictures in an engine, used as the window uses it.

    Parameters
    ----------
    folder : Path
        Of the model.
    task : str
        Its task.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self.client = EngineClient()
        self.client.start()
        command = OpenModel(
            job=self.client.next_job(),
            model=MODEL,
            path=str(folder),
            device="cpu",
            task=task,
        )
        for _ in self.client.call(command):
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def run(
        self, inputs: dict[str, InputSource], settings: dict[str, Any]
    ) -> tuple[float, npt.NDArray[np.uint8]]:
        """Run to the last picture; milliseconds, and the picture."""
        started = time.perf_counter()
        command = Run(
            job=self.client.next_job(), model=MODEL, inputs=inputs, settings=settings
        )
        answered = False
        for event in self.client.call(command):
            answered = answered or isinstance(event, RunAnswered)
        frame = self.client.frames.newest()
        ms = (time.perf_counter() - started) * 1e3
        if not answered or frame is None:
            raise RuntimeError("the engine showed no picture")
        return ms, frame.pictures[PICTURE]

    def imagine(self, **settings: Any) -> tuple[float, npt.NDArray[np.uint8]]:
        """Make the picture that all are compared by."""
        time.sleep(SETTLE_S)
        wanted = {"seed": SEED, "steps": STEPS, "guidance": GUIDANCE, **settings}
        return self.run({"prompt": TypedText.of(PROMPT)}, wanted)


def measure(report: Report, out: Path, *, quick: bool) -> None:
    """Measure all rows; those whose peer is missing say so in a line."""
    rounds = 4 if quick else 40
    _pad(report, pairs=40 if quick else 500)
    try:
        tiny = write_model("optimum", "make_diffusion_model.py", into=out / "tiny-sd")
    except PeerMissingError as missing:
        say(f"diffusion: no rows of Stable Diffusion, {missing}")
        return
    with PictureEngine(tiny / "onnx", "diffusion") as engine:
        for kind, name, limit in (
            ("optimum", "optimum-onnx", 1.05),
            ("torch", "diffusers on torch", 1.4),
        ):
            try:
                _against(report, tiny, engine, kind, name, limit, rounds)
            except PeerMissingError as missing:
                say(f"diffusion: no row of {name}, {missing}")
        _looking(report, tiny, engine, rounds)


def _against(
    report: Report,
    folder: Path,
    engine: PictureEngine,
    kind: str,
    name: str,
    limit: float,
    rounds: int,
) -> None:
    asked: dict[str, Any] = {
        "prompt": PROMPT,
        "seed": SEED,
        "steps": STEPS,
        "guidance": GUIDANCE,
        "shape": LATENT,
    }
    arguments = (kind, str(folder), str(n_threads()))
    with PeerProcess("optimum", "diffusion_peers.py", *arguments) as peer:
        theirs = np.array(peer.ask("imagine", show=True, **asked)["pixels"])
        furthest = int(np.abs(engine.imagine()[1].astype(int) - theirs).max())
        times = interleave(
            {
                "own": lambda: engine.imagine()[0],
                "peer": lambda: float(peer.ask("imagine", **asked)["ms"]),
            },
            rounds,
            warm_up=2,
        )
    equal = "equal pictures" if furthest <= 1 else "DIFFERENT PICTURES"
    per_s = STEPS / float(np.median(times["own"])) * 1e3
    report.add(
        Row.of_ratio(
            f"{STEPS} steps of diffusion: {name} / ours",
            ratio(times["peer"], times["own"]),
            limit,
            f"{equal}, {furthest} of 255 apart; ours {per_s:.1f} steps/s",
            at_least=True,
        )
    )


def _looking(report: Report, folder: Path, without: PictureEngine, rounds: int) -> None:
    with PictureEngine(folder / "onnx", "diffusion") as engine:
        same = np.array_equal(without.imagine(**PLAIN)[1], engine.imagine(**LOOKING)[1])
        times = interleave(
            {
                "without": lambda: without.imagine(**PLAIN)[0],
                "own": lambda: engine.imagine(**LOOKING)[0],
            },
            rounds,
            warm_up=2,
        )
    report.add(
        Row.of_ratio(
            "  without / previews and all cross-attention",
            ratio(times["without"], times["own"]),
            0.95,
            "the same picture" if same else "ANOTHER PICTURE",
            at_least=True,
        )
    )


def _pad(report: Report, pairs: int) -> None:
    """Measure how fast pictures come as the pointer moves over the pad of latents."""
    random = np.random.default_rng(SEED)
    first = random.standard_normal(PAD_SHAPE, dtype=np.float32)
    with (
        PictureEngine(PAD, "latent-to-picture") as engine,
        RawPeer(PAD, {PAD_INPUT: first}, lingering=False) as raw,
    ):
        changed = _Changes(engine, random)
        times = interleave({"raw": raw.run_ms, "own": changed.shown_ms}, pairs)
    raw_per_s = 1e3 / float(np.median(times["raw"]))
    shown_per_s = 1e3 / float(np.median(times["own"]))
    possible = min(MOST_SHOWN_PER_S, raw_per_s)
    shown = min(MOST_SHOWN_PER_S, shown_per_s)
    report.add(
        Row(
            name="latent pad: pictures shown / min(60, raw decoder runs)",
            value=shown / possible,
            unit="×",
            limit=0.9,
            at_least=True,
            n=pairs,
            note=f"at most {shown_per_s:.0f} a second could be shown, "
            f"{raw_per_s:.0f} raw runs; {changed.n_different} pictures differed",
        )
    )


class _Changes:
    """Moves over the pad: another latent each time."""

    def __init__(self, engine: PictureEngine, random: np.random.Generator) -> None:
        self._engine = engine
        self._random = random
        self._last: Sequence[int] | bytes = b""
        self.n_different = 0

    def shown_ms(self) -> float:
        latent = self._random.standard_normal(PAD_SHAPE, dtype=np.float32)
        source = TensorArray(array=self._engine.client.arrays_out.put(latent))
        ms, picture = self._engine.run({PAD_INPUT: source}, {})
        self.n_different += picture.tobytes() != self._last
        self._last = picture.tobytes()
        return ms
