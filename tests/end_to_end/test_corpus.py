"""Every file of the corpus through the command line, against raw onnxruntime.

The calls share one engine, which is started anew where a file ended it; a few are
made as a user makes them, in a process of their own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import CORPUS
from tests.kept_engine import caller, kept_engine

pytestmark = [pytest.mark.corpus, pytest.mark.slow]
DEADLINE_S = 10  # against hanging; says nothing about speed
HANGING = pytest.mark.timeout(DEADLINE_S, func_only=True)


def entries(folder):
    index = CORPUS / folder / "index.json"
    return json.loads(index.read_text()) if index.is_file() else []


def having(folder, *results):
    return [
        pytest.param(entry, id=Path(entry["file"]).as_posix())
        for entry in entries(folder)
        if entry["result"] in results
    ]


@pytest.fixture(scope="module")
def engine():
    with kept_engine() as engine:
        yield engine


@pytest.fixture
def layerscope(engine, monkeypatch, capfd):
    return caller(engine, monkeypatch, capfd)


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    """Feeds and outputs of raw onnxruntime, computed in a process of its own."""
    folder = tmp_path_factory.mktemp("reference")
    script = Path(__file__).with_name("raw_reference.py")
    subprocess.run([sys.executable, script, corpus, folder], check=True, timeout=300)
    return folder


def arrays(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def assert_one_sentence(status, err):
    assert status == 2
    line = err.rstrip("\n")
    assert line
    assert "\n" not in line
    assert line[-1] in ".!?"
    for foreign in ("Traceback", "onnxruntime_src", "/core/", ".cc:", "[ONNXRuntime"):
        assert foreign not in line


@HANGING
@pytest.mark.parametrize("entry", having("onnx", "runs"))
def test_file_that_runs_gives_what_raw_onnxruntime_gives_bit_for_bit(
    layerscope, reference, corpus, tmp_path, entry
):
    out = tmp_path / "outputs.npz"

    status, _, err = layerscope(
        "run",
        corpus / "onnx" / entry["file"],
        "--inputs",
        reference / f"{entry['name']}.feeds.npz",
        "--device",
        "cpu",
        "--save-outputs",
        out,
    )

    assert (status, err) == (0, "")
    expected = arrays(reference / f"{entry['name']}.outputs.npz")
    got = arrays(out)
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        assert got[name].tobytes() == array.tobytes(), name
    structured = reference / f"{entry['name']}.outputs.json"
    if structured.exists():
        given = json.loads(out.with_suffix(".json").read_text())
        assert given == json.loads(structured.read_text())


@HANGING
@pytest.mark.parametrize(
    "entry", having("onnx", "refused") + having("onnx-hostile", "refused", "loads")
)
def test_file_that_onnxruntime_refuses_gives_one_sentence_and_status_2(
    layerscope, corpus, entry
):
    status, out, err = layerscope("run", located(corpus, entry))

    assert out == ""
    assert_one_sentence(status, err)


@HANGING
@pytest.mark.parametrize("entry", having("onnx-hostile", "runs"))
def test_odd_file_that_runs_is_run(layerscope, corpus, entry):
    status, out, err = layerscope("run", located(corpus, entry), "--random", 0)

    assert (status, err) == (0, "")
    assert "latency" in out


@HANGING
@pytest.mark.parametrize(
    "entry", having("onnx", "runs", "refused") + having("onnx-hostile", "runs", "loads")
)
def test_inspect_describes_every_file_that_loads(layerscope, corpus, entry):
    status, out, err = layerscope("inspect", located(corpus, entry), "--json")

    assert (status, err) == (0, "")
    said = json.loads(out)
    assert sum(said["operators"].values()) >= said["nodes"] > 0
    assert (said["refusal"] is not None) == (entry["result"] == "refused")
    if "nodes" in entry:
        assert said["nodes"] == entry["nodes"]
        assert [i["name"] for i in said["inputs"]] == [
            i["name"] for i in entry["inputs"]
        ]


@HANGING
@pytest.mark.parametrize("entry", having("onnx-hostile", "refused"))
def test_inspect_draws_what_can_be_read_of_a_hostile_file(layerscope, corpus, entry):
    status, out, err = layerscope("inspect", located(corpus, entry), "--json")

    if status == 0:
        refusal = json.loads(out)["refusal"]
        assert err == ""
        assert refusal is not None
        assert refusal["reason"].endswith((".", "!", "?"))
    else:
        assert out == ""
        assert_one_sentence(status, err)


def test_a_refused_file_is_drawn_with_the_node_concerned(layerscope, corpus):
    file = corpus / "onnx-hostile" / "TensorRT__bad_graph.onnx"

    _, out, _ = layerscope("inspect", file, "--json")

    said = json.loads(out)
    assert said["operators"]["Add"] >= 1
    assert said["refusal"]["node"] == "Add_0"


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ("onnx/mnist-cntk/mnist.onnx", 0),
        ("onnx-hostile/onnxruntime-qnn__corrupt-model.onnx", 2),
        ("onnx-hostile/TensorRT__capability.onnx", 2),
    ],
)
def test_in_a_process_of_its_own_the_command_line_says_the_same(
    corpus, checkout, file, status
):
    done = subprocess.run(
        [sys.executable, "-m", "layerscope", "run", corpus / file],
        env={**os.environ, "PYTHONPATH": str(checkout / "app")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    if status:
        assert done.stdout == ""
        assert_one_sentence(done.returncode, done.stderr)
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert "latency" in done.stdout


def located(corpus, entry):
    folder = "onnx" if (corpus / "onnx" / entry["file"]).exists() else "onnx-hostile"
    return corpus / folder / entry["file"]
