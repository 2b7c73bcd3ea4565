"""Tests of what is said of hostile files when onnxruntime really gets them.

That happens in a child: some of them are made to end the process that loads them.
"""

import json
import re
import subprocess
import sys
import textwrap

import pytest

# What no sentence may show: source files, signatures, codes, our own folders.
UGLY = re.compile(
    r"\.(cc|h|cpp|cu):\d|onnxruntime_src|::\w+\(|ONNXRuntimeError|std::|Status Message"
    r"|/tmp/|\n|was false|Please fix|0x[0-9a-f]{6}"
)


CHILD = """
    import json, pathlib, sys
    import numpy as np
    import onnxruntime
    from layerscope.core.errors import BadInputError
    from layerscope.engine.model import structure
    from layerscope.engine.model.reading import read_model
    from layerscope.engine.model.refusals import explain

    NAMES = {"float": "float32", "double": "float64", "bool": "bool"}
    for path in map(pathlib.Path, sys.argv[1:]):
        try:
            model = read_model(path, to_draw=True)
        except BadInputError as error:
            print(json.dumps([path.name, "BadInputError", "", str(error)]), flush=True)
            continue
        described = structure.describe(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
            feeds = {}
            for value in session.get_inputs():
                kind = value.type[7:-1]
                sizes = [d if isinstance(d, int) else 1 for d in value.shape]
                feeds[value.name] = np.zeros(sizes, NAMES.get(kind, kind))
            session.run(None, feeds)
        except Exception as error:
            told = explain(error, model, described)
            said = [type(told).__name__, getattr(told, "node", ""), str(told)]
        else:
            said = ["runs", "", "."]
        print(json.dumps([path.name, *said]), flush=True)
"""


@pytest.mark.corpus
def test_every_hostile_file_runs_or_is_explained(corpus, checkout):
    index = json.loads((corpus / "onnx-hostile" / "index.json").read_text())
    files = [str(corpus / "onnx-hostile" / entry["file"]) for entry in index]

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), *files],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=checkout / "app",
        check=False,
    )

    said = {line[0]: line[1:] for line in map(json.loads, done.stdout.splitlines())}
    assert len(said) == len(index), done.stderr
    for entry in index:
        kind, _, sentence = said[entry["file"]]
        assert not UGLY.search(sentence), sentence
        assert sentence.endswith(".")
        if entry["result"] == "refused":
            assert kind in ("ModelRefusedError", "BadInputError"), entry["file"]
        elif entry["result"] == "loads":
            assert kind == "ModelRefusedError"
            assert sentence.startswith("The run failed at")
    assert said["TensorRT__capability.onnx"][1] == "Fake1"
    assert said["TensorRT__bad_graph.onnx"][1] == "Add_0"
    assert said["TensorRT__weightless.sparse.conv.onnx"][1] == "conv"
    assert "opset 314159" in said["onnxruntime-qnn__add_opset_314159.onnx"][2]
