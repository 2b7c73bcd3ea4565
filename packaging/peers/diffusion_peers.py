"""A Stable Diffusion run by a peer: ``diffusion_peers.py KIND FOLDER THREADS``.

``optimum`` runs it by optimum-onnx, ``torch`` by diffusers on torch; the first noise
is that of numpy's generator, so that the pictures can be compared.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from serving import Call, serve


def optimum(folder: Path, threads: int) -> Any:
    """Return optimum-onnx's pipeline."""
    import onnxruntime
    from optimum.onnxruntime import ORTStableDiffusionPipeline

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return ORTStableDiffusionPipeline.from_pretrained(
        folder / "onnx", session_options=options
    )


def of_torch(folder: Path, threads: int) -> Any:
    """Return diffusers' pipeline."""
    from diffusers import StableDiffusionPipeline

    del threads  # torch has them already
    return StableDiffusionPipeline.from_pretrained(
        folder / "torch", safety_checker=None, requires_safety_checker=False
    )


def calls(pipeline: Any) -> dict[str, Call]:
    """Return the calls of either."""
    pipeline.set_progress_bar_config(disable=True)

    def imagine(
        prompt: str,
        seed: int,
        steps: int,
        guidance: float,
        shape: list[int],
        show: bool = False,
    ) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        noise = random.standard_normal(shape, dtype=np.float32)[None]
        started = time.perf_counter()
        found = pipeline(
            prompt,
            num_inference_steps=steps,
            guidance_scale=guidance,
            latents=torch.from_numpy(noise),
            output_type="np",
        ).images[0]
        ms = (time.perf_counter() - started) * 1e3
        pixels = np.rint(np.clip(found, 0, 1) * 255).astype(int)
        return {"ms": ms, "pixels": pixels.tolist() if show else None}

    return {"imagine": imagine}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    kinds = {"optimum": optimum, "torch": of_torch}
    serve(calls(kinds[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
