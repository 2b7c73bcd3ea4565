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
import onnx
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
    providers = ["CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(path, options, providers=providers)
        return session, session.run(None, feeds)
    except Exception:  # noqa: BLE001 - onnxruntime has a dozen classes for it
        # A file may store shapes that are not true (`ppocr-det-en-opencv`, and the
        # corpus' index names this cure); what else fails here fails again.
        model = onnx.load(path)
        del model.graph.value_info[:]
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=providers
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
        names = [output.name for output in session.get_outputs()]
        outputs = dict(zip(names, values, strict=True))
        tensors = {k: v for k, v in outputs.items() if isinstance(v, np.ndarray)}
        rest = {k: plain(v) for k, v in outputs.items() if k not in tensors}
        write(out / f"{name}.feeds.npz", feeds)
        write(out / f"{name}.outputs.npz", tensors)
        if rest:
            (out / f"{name}.outputs.json").write_text(json.dumps(rest))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
