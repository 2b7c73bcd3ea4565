"""Tests of run, inspect, bench and models on the real engine."""

import json

import numpy as np
import onnx
import pytest
from PySide6.QtGui import QColor, QImage
from tests.kept_engine import caller, kept_engine
from tests.raw_onnxruntime import raw_session

from layerscope import cli
from layerscope.cli import models, opening
from layerscope.client.engine_client import EngineClient


@pytest.fixture(scope="module")
def engine():
    with kept_engine() as engine:
        yield engine


@pytest.fixture
def layerscope(engine, monkeypatch, capfd):
    return caller(engine, monkeypatch, capfd)


@pytest.fixture
def conv(tiny_models):
    return tiny_models / "conv.onnx"


def raw(path, feeds):
    session = raw_session(path)
    return session.run(None, feeds)


def said(outcome):
    status, out, err = outcome
    assert (status, err) == (0, "")
    return json.loads(out)


def complaint(outcome):
    status, out, err = outcome
    assert (status, out) == (2, "")
    assert err.endswith((".\n", "!\n", "?\n"))
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_run_prints_the_agreed_json(layerscope, conv):
    fields = said(layerscope("run", conv, "--random", 3, "--runs", 5, "--json"))

    assert fields["model"]
    assert fields["task"]
    assert fields["provider"] == "CPUExecutionProvider"
    assert fields["outputs"] == [
        {"name": "scores", "shape": [1, 5], "dtype": "float32"}
    ]
    latency = fields["latency_ms"]
    assert latency["prepare"] >= 0
    assert latency["finish"] >= 0
    assert latency["model"]["n"] == 5
    assert 0 < latency["model"]["p50"] <= latency["model"]["p95"]
    assert latency["model"]["p95"] <= latency["model"]["p99"]


def test_inputs_come_from_the_archive_and_outputs_go_to_one(layerscope, conv, tmp_path):
    image = np.random.default_rng(1).standard_normal((2, 3, 16, 16), dtype=np.float32)
    np.savez(tmp_path / "in.npz", image=image)

    said(
        layerscope(
            "run",
            conv,
            "--inputs",
            tmp_path / "in.npz",
            "--save-outputs",
            tmp_path / "out.npz",
            "--json",
        )
    )

    with np.load(tmp_path / "out.npz") as saved:
        assert saved.files == ["scores"]
        assert saved["scores"].tobytes() == raw(conv, {"image": image})[0].tobytes()


def test_one_seed_gives_one_answer_and_another_seed_another(layerscope, conv, tmp_path):
    answers = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        path = tmp_path / f"{name}.npz"
        layerscope("run", conv, "--random", seed, "--save-outputs", path)
        with np.load(path) as saved:
            answers.append(saved["scores"])

    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_a_picture_is_the_input(layerscope, conv, tmp_path):
    answers = []
    for colour in ("red", "blue"):
        picture = QImage(32, 24, QImage.Format.Format_RGB32)
        picture.fill(QColor(colour))
        picture.save(str(tmp_path / f"{colour}.png"))
        out = tmp_path / f"{colour}.npz"
        said(
            layerscope(
                "run",
                conv,
                "--image",
                tmp_path / f"{colour}.png",
                "--save-outputs",
                out,
                "--json",
            )
        )
        with np.load(out) as saved:
            answers.append(saved["scores"])

    assert not np.array_equal(answers[0], answers[1])


@pytest.fixture
def maps_and_sequences(tmp_path):
    """A file whose outputs are a tensor, a sequence of maps and one of tensors."""
    node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    kinds = onnx.helper
    one_map = kinds.make_map_type_proto(
        onnx.TensorProto.INT64, kinds.make_tensor_type_proto(1, None)
    )
    graph = onnx.helper.make_graph(
        [
            node("Softmax", ["x"], ["shares"]),
            node(
                "ZipMap",
                ["shares"],
                ["maps"],
                domain="ai.onnx.ml",
                classlabels_int64s=[4, 5, 6],
            ),
            node("SequenceConstruct", ["x", "shares"], ["pair"]),
        ],
        "outputs",
        [info("x", 1, ["batch", 3])],
        [
            info("shares", 1, ["batch", 3]),
            onnx.helper.make_value_info(
                "maps", kinds.make_sequence_type_proto(one_map)
            ),
            onnx.helper.make_tensor_sequence_value_info("pair", 1, None),
        ],
    )
    opsets = [onnx.helper.make_opsetid(*o) for o in (("", 17), ("ai.onnx.ml", 3))]
    path = tmp_path / "outputs.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_sequences_and_maps_go_into_json_beside_the_tensors(
    layerscope, maps_and_sequences, tmp_path
):
    x = np.random.default_rng(0).standard_normal((2, 3), dtype=np.float32)
    np.savez(tmp_path / "in.npz", x=x)
    out = tmp_path / "out.npz"

    files = ("--inputs", tmp_path / "in.npz", "--save-outputs", out)
    said(layerscope("run", maps_and_sequences, *files, "--json"))

    shares, maps, pair = raw(maps_and_sequences, {"x": x})
    assert json.loads(out.with_suffix(".json").read_text()) == {
        "maps": [{str(key): value for key, value in one.items()} for one in maps],
        "pair": [array.tolist() for array in pair],
    }
    with np.load(out) as saved:
        assert saved.files == ["shares"]
        np.testing.assert_array_equal(saved["shares"], shares)


def test_watched_tensors_are_measured_and_saved_in_full(layerscope, conv, tmp_path):
    path = tmp_path / "activations.npz"

    fields = said(
        layerscope(
            "run", conv, "--watch", "r[12]", "--save-activations", path, "--json"
        )
    )

    with np.load(path) as saved:
        assert saved.files == ["r1", "r2"]
        for watched in fields["watched"]:
            array = saved[watched["name"]]
            assert watched["shape"] == list(array.shape) == [1, 8, 16, 16]
            assert watched["mean"] == pytest.approx(array.mean(dtype=np.float64))
            assert watched["minimum"] == array.min() == 0
            assert watched["active"] == pytest.approx((array != 0).mean())


def test_activations_without_a_pattern_are_all_inner_tensors(
    layerscope, conv, tmp_path
):
    path = tmp_path / "activations.npz"

    layerscope("run", conv, "--save-activations", path)

    with np.load(path) as saved:
        assert saved.files == ["c1", "r1", "c2", "sum", "r2", "p", "g", "f", "scores"]


def test_people_read_classes_statistics_and_latency(layerscope, conv):
    status, out, err = layerscope("run", conv, "--watch", "sum", "--runs", 2)

    assert (status, err) == (0, "")
    assert "scores" in out
    assert "sum" in out
    assert "(2 runs)" in out


def test_a_pattern_that_fits_nothing_is_said_with_what_there_is(layerscope, conv):
    message = complaint(layerscope("run", conv, "--watch", "layer9*"))

    assert "'layer9*'" in message
    assert "c1" in message


def test_an_archive_with_other_names_is_said_with_the_right_ones(
    layerscope, conv, tmp_path
):
    np.savez(tmp_path / "in.npz", picture=np.zeros(3))

    message = complaint(layerscope("run", conv, "--inputs", tmp_path / "in.npz"))

    assert "'picture'" in message
    assert "'image'" in message


def test_an_input_that_the_archive_lacks_has_its_default(
    layerscope, tiny_models, tmp_path
):
    lstm = tiny_models / "lstm.onnx"
    (wanted,) = (i for i in onnx.load(lstm).graph.input if i.name not in ("h0", "c0"))
    shape = [size.dim_value or 1 for size in wanted.type.tensor_type.shape.dim]
    np.savez(tmp_path / "in.npz", **{wanted.name: np.ones(shape, np.float32)})

    out = said(
        layerscope("run", lstm, "--inputs", tmp_path / "in.npz", "--json"),
    )

    (note,) = (note for note in out["notes"] if "'in.npz'" in note)
    assert "'h0'" in note
    assert "'c0'" in note


def test_a_wrong_shape_is_said(layerscope, tiny_models, tmp_path):
    np.savez(tmp_path / "in.npz", x=np.zeros((1, 7), np.float32))

    complaint(
        layerscope("run", tiny_models / "mlp.onnx", "--inputs", tmp_path / "in.npz")
    )


def test_a_picture_for_a_model_that_takes_none_is_said(
    layerscope, tiny_models, tmp_path
):
    QImage(8, 8, QImage.Format.Format_RGB32).save(str(tmp_path / "a.png"))

    message = complaint(
        layerscope("run", tiny_models / "mlp.onnx", "--image", tmp_path / "a.png")
    )

    assert "'x'" in message


@pytest.mark.parametrize("option", ["--save-outputs", "--save-activations"])
def test_a_folder_that_is_not_there_is_said_before_anything_runs(
    layerscope, conv, tmp_path, option
):
    message = complaint(layerscope("run", conv, option, tmp_path / "no" / "f.npz"))

    assert "make it first" in message


@pytest.mark.parametrize("command", ["run", "inspect", "bench"])
def test_a_model_that_is_not_there_is_said(layerscope, command):
    message = complaint(layerscope(command, "no-such-model"))

    assert "no-such-model" in message
    assert "cifar10-resnet-m" in message


@pytest.mark.parametrize("command", ["run", "inspect", "bench"])
def test_a_file_that_is_no_model_is_said(layerscope, tmp_path, command):
    path = tmp_path / "page.onnx"
    path.write_text("<!DOCTYPE html><html></html>")

    complaint(layerscope(command, path))


def test_a_device_that_is_not_there_is_said_with_those_that_are(layerscope, conv):
    message = complaint(layerscope("run", conv, "--device", "abacus"))

    assert "abacus" in message
    assert "cpu" in message


@pytest.mark.parametrize(
    "name", ["mlp", "lstm", "attention", "control", "function", "qdq", "nan"]
)
def test_models_of_every_kind_run_with_no_flag(layerscope, tiny_models, name):
    fields = said(layerscope("run", tiny_models / f"{name}.onnx", "--json"))

    assert fields["outputs"]


def test_inspect_tells_people_what_is_in_the_file(layerscope, conv):
    status, out, err = layerscope("inspect", conv)

    assert (status, err) == (0, "")
    for part in ("opset", "image", "float32", "batch × 3 × 16 × 16", "scores", "Conv"):
        assert part in out
    assert "yes, on CPUExecutionProvider" in out


def test_inspect_counts_operators_and_parameters(layerscope, conv):
    fields = said(layerscope("inspect", conv, "--json"))

    assert fields["nodes"] == 9
    assert fields["operators"]["Conv"] == 2
    assert fields["parameters"] == 8 * 27 + 8 + 8 * 72 + 8 + 5 * 8 + 5
    assert fields["weight_bytes"] == 4 * fields["parameters"]
    assert fields["refusal"] is None
    assert fields["runs"]


def test_bench_prints_the_agreed_json(layerscope, conv):
    fields = said(layerscope("bench", conv, "--pairs", 5, "--json"))

    assert fields["raw_ms"] > 0
    assert fields["fast_ratio"] > 0
    assert fields["live_ratio"] > 0
    assert fields["live_taps"] >= 1
    assert fields["n"] == 5


def test_models_lists_the_bundled_library(capfd):
    assert cli.main(["models", "--json"]) == 0

    listed = json.loads(capfd.readouterr().out)
    entry = next(one for one in listed if one["id"] == "cifar10-resnet-m")
    assert entry.keys() == {
        *("id", "task", "path", "bytes", "metric", "value"),
        *("parameters", "teaches"),
    }
    assert 600_000 < entry["parameters"] < 700_000
    assert entry["teaches"].endswith(".")
    assert entry["task"] == "image-classification"
    assert 0 < entry["bytes"] < 3_000_000


def test_models_are_a_table_under_headings(capfd):
    assert cli.main(["models"]) == 0

    lines = capfd.readouterr().out.splitlines()
    headings, network = lines[0], next(x for x in lines if "cifar10-resnet-m " in x)
    assert "Pictures" in lines
    assert network.index("picture classes") > 0
    assert headings.split() == ["size", "parameters", "measured"]
    # Numbers end below the end of their heading.
    for heading, cell in (("size", "MB"), ("parameters", " k")):
        end = headings.index(heading) + len(heading)
        assert network[:end].endswith(cell)


def test_an_engine_that_dies_is_told_in_one_sentence(monkeypatch, capfd, conv):
    monkeypatch.setattr(
        opening, "EngineClient", lambda: EngineClient("tests.cli.dying_engine:main")
    )

    status = cli.main(["run", str(conv)])

    out, err = capfd.readouterr()
    message = complaint((status, out, err))
    assert "status 7" in message


def test_a_fault_of_our_own_is_one_sentence_too(monkeypatch, capfd):
    monkeypatch.setattr(models, "bundled_models", lambda: 1 / 0)

    status = cli.main(["models"])

    assert "ZeroDivisionError" in complaint((status, *capfd.readouterr()))
