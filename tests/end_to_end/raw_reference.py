"""Raw onnxruntime on corpus files, in a process of its own.

Called with the corpus folder and an output folder; writes for every file that
runs ``NAME.feeds.npz`` and ``NAME.outputs.npz``, and ``NAME.outputs.json`` for
outputs that are no tensors. Nothing of Layerscope is imported here.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime

SAMPLE_RATES = {"sr": 16_000}


def feed(name, shape, dtype, generator):
    if name in SAMPLE_RATES:
        return np.full(shape, SAMPLE_RATES[name], dtype=dtype)
    if np.dtype(dtype).kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    return generator.integers(0, 2, shape).astype(dtype)


def write(path, arrays):
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def run(path, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        return session, session.run(None, feeds)
    except Exception as error:
        # A file may store shapes that are not true; then buffers are reused wrongly
        # (`ppocr-det-en-opencv` in the corpus' index), and this is the cure it names.
        if "reuse" not in str(error) and "Shape mismatch" not in str(error):
            raise
        options.enable_mem_reuse = False
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        return session, session.run(None, feeds)


def main(corpus: Path, out: Path) -> None:
    for entry in json.loads((corpus / "onnx" / "index.json").read_text()):
        if entry["result"] != "runs":
            continue
        name = entry["name"]
        generator = np.random.default_rng(7)
        feeds = {
            key: feed(key, shape, dtype, generator)
            for key, (shape, dtype) in entry["run_with"].items()
        }
        session, values = run(corpus / "onnx" / entry["file"], feeds)
        outputs = dict(zip([o.name for o in session.get_outputs()], values))
        tensors = {k: v for k, v in outputs.items() if isinstance(v, np.ndarray)}
        rest = {k: plain(v) for k, v in outputs.items() if k not in tensors}
        write(out / f"{name}.feeds.npz", feeds)
        write(out / f"{name}.outputs.npz", tensors)
        if rest:
            (out / f"{name}.outputs.json").write_text(json.dumps(rest))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
