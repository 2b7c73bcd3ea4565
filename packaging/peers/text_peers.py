"""A language model run by a peer: ``text_peers.py KIND FOLDER THREADS``.

``optimum`` generates by optimum-onnx, ``genai`` by onnxruntime-genai, and ``lens``
keeps the activations of a prompt by TransformerLens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from serving import Call, serve


def optimum(folder: Path, threads: int) -> dict[str, Call]:
    """Return the calls of optimum-onnx."""
    import onnxruntime
    import torch
    from optimum.onnxruntime import ORTModelForCausalLM

    torch.set_num_threads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = ORTModelForCausalLM.from_pretrained(
        folder / "onnx", session_options=options
    )

    def generate(ids: Sequence[int], n_new: int) -> dict[str, Any]:
        given = torch.tensor([list(ids)])
        started = time.perf_counter()
        found = model.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=n_new,
            min_new_tokens=n_new,
            do_sample=False,
        )
        ms = (time.perf_counter() - started) * 1e3
        return {"ms": ms, "tokens": found[0, len(ids) :].tolist()}

    return {"generate": generate}


def genai(folder: Path, threads: int) -> dict[str, Call]:
    """Return the calls of onnxruntime-genai."""
    import onnxruntime_genai as og

    config = og.Config(str(folder / "genai"))
    config.overlay(
        '{"model": {"decoder": {"session_options": '
        f'{{"intra_op_num_threads": {threads}}}}}}}}}'
    )
    model = og.Model(config)

    def generate(ids: Sequence[int], n_new: int) -> dict[str, Any]:
        started = time.perf_counter()
        options = og.GeneratorParams(model)
        length = len(ids) + n_new
        options.set_search_options(
            max_length=length, min_length=length, do_sample=False
        )
        generator = og.Generator(model, options)
        generator.append_tokens(np.array([list(ids)], dtype=np.int32))
        while not generator.is_done():
            generator.generate_next_token()
        found = generator.get_sequence(0)
        ms = (time.perf_counter() - started) * 1e3
        return {"ms": ms, "tokens": [int(one) for one in found[len(ids) :]]}

    return {"generate": generate}


def lens(folder: Path, threads: int) -> dict[str, Call]:
    """Return the calls of TransformerLens."""
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    torch.set_num_threads(threads)
    bridge = TransformerBridge.boot_transformers(str(folder / "torch"), device="cpu")

    def keep(ids: Sequence[int]) -> dict[str, Any]:
        given = torch.tensor([list(ids)])
        with torch.no_grad():
            started = time.perf_counter()
            logits, cache = bridge.run_with_cache(given)
            ms = (time.perf_counter() - started) * 1e3
        return {"ms": ms, "n": len(cache), "last": logits[0, -1, :16].tolist()}

    return {"keep": keep}


if __name__ == "__main__":
    kinds = {"optimum": optimum, "genai": genai, "lens": lens}
    serve(kinds[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
