import numpy as np
import pytest
from onnx import helper
from tests.engine.tasks.task_helpers import context_of, raw_run, save, task_of
from tests.model_building import FLOAT, build

from layerscope.engine import tasks
from layerscope.engine.tasks.detection_heads import (
    background_class,
    find_head,
    is_candidate_count,
)
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.protocol.inputs import PictureFile
from layerscope.protocol.values import TensorInfo

NODE = helper.make_node
SIDE = 96
CELLS = 12 * 12 + 6 * 6 + 3 * 3


def detector(shapes, joined=False):
    """A model with outputs of given shapes; tests supply their values."""
    nodes = [NODE("ReduceMean", ["image"], ["mean"], keepdims=0)]
    weights = {}
    outputs = []
    for name, shape in shapes.items():
        weights[f"{name}_shape"] = np.array(shape, dtype=np.int64)
        nodes.append(NODE("Expand", ["mean", f"{name}_shape"], [name]))
        outputs.append((name, FLOAT, shape))
    return build(nodes, [("image", FLOAT, [1, 3, SIDE, SIDE])], outputs, weights)


def answer_of(task, sources, picture, outputs, settings=None):
    prepared = task.prepare(sources, {"image": picture}, {"resize": "stretch"})
    answer, pictures = task.finish(outputs, prepared, settings or {})
    assert answer.parts[0].over in pictures
    return answer.parts[0].boxes


def place(box):
    return tuple(round(v, 3) for v in (box.left, box.top, box.right, box.bottom))


def test_yolov5_rows(tmp_path, sources, picture):
    n = 3 * CELLS
    task = task_of(save(detector({"out": [1, n, 5 + 80]}), tmp_path))
    rows = np.zeros((1, n, 85), dtype=np.float32)
    rows[0, :, :4] = np.random.default_rng(0).uniform(1, 60, (n, 4))
    rows[0, 10, :5] = (32, 16, 16, 8, 0.9)
    rows[0, 10, 5 + 16] = 0.8
    rows[0, 11, :5] = (33, 16, 16, 8, 0.8)
    rows[0, 11, 5 + 16] = 0.8
    boxes = answer_of(task, sources, picture, {"out": rows})
    assert len(boxes) == 1
    assert boxes[0].label == "dog"
    assert boxes[0].score == pytest.approx(0.72)
    assert place(boxes[0]) == (0.25, 0.125, 0.417, 0.208)
    both = answer_of(task, sources, picture, {"out": rows}, {"iou": 1.0})
    assert len(both) == 2
    none = answer_of(task, sources, picture, {"out": rows}, {"threshold": 0.8})
    assert none == ()
    one = answer_of(task, sources, picture, {"out": rows}, {"iou": 1.0, "most": 1})
    assert len(one) == 1


def test_yolov8_columns(tmp_path, sources, picture):
    task = task_of(save(detector({"out": [1, 4 + 80, CELLS]}), tmp_path))
    columns = np.zeros((1, 84, CELLS), dtype=np.float32)
    columns[0, :4] = np.random.default_rng(0).uniform(1, 60, (4, CELLS))
    columns[0, :4, 5] = (32, 32, 64, 32)
    columns[0, 4 + 2, 5] = 0.7
    boxes = answer_of(task, sources, picture, {"out": columns})
    assert [(b.label, place(b)) for b in boxes] == [("car", (0, 0.167, 0.667, 0.5))]


def test_yolox_rows_are_decoded_on_their_grid(tmp_path, sources, picture):
    task = task_of(save(detector({"out": [1, CELLS, 85]}), tmp_path))
    rows = np.zeros((1, CELLS, 85), dtype=np.float32)
    rows[0, :, 2:4] = -3
    rows[0, 12 * 3 + 4, :5] = (0.5, 0.5, np.log(2), np.log(1), 1)
    rows[0, 12 * 3 + 4, 5] = 1
    boxes = answer_of(task, sources, picture, {"out": rows})
    # The cell in column 4 and row 3 of 12 x 12: centre (36, 28), 16 x 8 pixels.
    assert place(boxes[0]) == (0.292, 0.25, 0.458, 0.333)


def test_boxes_and_scores_apart_with_a_background(tmp_path, sources, picture):
    shapes = {"boxes": [1, 50, 4], "scores": [1, 50, 3]}
    context = save(detector(shapes), tmp_path)
    task = task_of(context)
    boxes = np.tile(np.array([0.1, 0.2, 0.3, 0.6], dtype=np.float32), (1, 50, 1))
    scores = np.zeros((1, 50, 3), dtype=np.float32)
    scores[..., 0] = 1
    scores[0, 7] = (0.1, 0.1, 0.8)
    found = answer_of(task, sources, picture, {"boxes": boxes, "scores": scores})
    assert [(b.index, b.label, place(b)) for b in found] == [
        (1, "class 1", (0.1, 0.2, 0.3, 0.6))
    ]


def test_detr_boxes_are_centres_and_scores_logits(tmp_path, sources, picture):
    shapes = {"logits": [1, 20, 80], "pred_boxes": [1, 20, 4]}
    task = task_of(save(detector(shapes), tmp_path))
    logits = np.full((1, 20, 80), -9, dtype=np.float32)
    logits[0, 3, 15] = 4
    boxes = np.full((1, 20, 4), 0.5, dtype=np.float32)
    boxes[0, 3] = (0.5, 0.5, 0.2, 0.4)
    found = answer_of(task, sources, picture, {"logits": logits, "pred_boxes": boxes})
    assert [(b.label, place(b)) for b in found] == [("cat", (0.4, 0.3, 0.6, 0.7))]


def test_rows_that_are_final(tmp_path, sources, picture):
    task = task_of(save(detector({"out": [1, 300, 6]}), tmp_path))
    rows = np.zeros((1, 300, 6), dtype=np.float32)
    rows[0, :, :4] = (0, 0, 32, 64)
    rows[0, 0, 4:] = (0.9, 2)
    found = answer_of(task, sources, picture, {"out": rows})
    assert [(b.index, place(b)) for b in found] == [(2, (0, 0, 0.333, 0.667))]


def test_letterboxed_boxes_lie_on_the_picture(tmp_path, sources, picture):
    task = task_of(save(detector({"out": [1, 84, CELLS]}), tmp_path))
    assert task.preparer.guess.resize == "letterbox"
    prepared = task.prepare(sources, {"image": picture}, {})
    columns = np.zeros((1, 84, CELLS), dtype=np.float32)
    columns[0, :4] = np.random.default_rng(0).uniform(1, 60, (4, CELLS))
    # The 60 x 90 picture fills 64 of the 96 rows, from row 16 on.
    columns[0, :4, 0] = (48, 16 + 32, 96, 64)
    columns[0, 4, 0] = 1
    answer, _ = task.finish({"out": columns}, prepared, {})
    assert place(answer.parts[0].boxes[0]) == (0, 0, 1, 1)


def test_raw_map_of_fastestdet(tmp_path, sources, picture):
    nodes = [
        NODE("MaxPool", ["image"], ["small"], kernel_shape=[16, 16], strides=[16, 16]),
        NODE("Sigmoid", ["small"], ["objects"]),
        NODE("Softmax", ["small"], ["kinds"], axis=1),
        NODE("Concat", ["objects", "small", "kinds"], ["out"], axis=1),
    ]
    model = build(
        nodes, [("image", FLOAT, [1, 3, SIDE, SIDE])], [("out", FLOAT, [1, 9, 6, 6])]
    )
    task = task_of(save(model, tmp_path))
    assert task.id == "object-detection"
    planes = np.zeros((1, 9, 6, 6), dtype=np.float32)
    planes[0, :, 1, 2] = (1, np.arctanh(0.5), np.arctanh(0.5), 0, 0, 0, 1, 0, 0)
    found = answer_of(task, sources, picture, {"out": planes})
    # Centre (2.5, 1.5) of 6 cells, half the picture wide and high.
    assert [(b.index, place(b)) for b in found] == [(1, (0.167, 0, 0.667, 0.5))]


def test_hidden_states_are_no_detections(tmp_path):
    for shapes in (
        {"out": [1, 197, 768]},
        {"out": [1, 50, 768]},
        {"out": [1, 7]},
    ):
        assert tasks.choose(save(detector(shapes), tmp_path)).id != "object-detection"


def test_candidate_counts_of_known_detectors():
    assert is_candidate_count(25200, 640, 640)
    assert is_candidate_count(8400, 640, 640)
    assert is_candidate_count(484, 352, 352)
    assert not is_candidate_count(197, 224, 224)
    assert not is_candidate_count("n", 640, 640)


def test_background_only_where_rows_are_shares():
    shares = np.tile(np.array([0.9, 0.05, 0.05], dtype=np.float32), (10, 1))
    assert background_class(shares) == 0
    assert background_class(shares[:, ::-1]) == 2
    assert background_class(shares / 3) is None


def test_every_slider_only_finishes(tmp_path):
    task = task_of(save(detector({"out": [1, 84, CELLS]}), tmp_path))
    names = {spec.name for spec in task.settings() if spec.group == "Boxes"}
    assert names == task.finish_settings


def test_shapes_alone_do_not_fool_the_search(tmp_path):
    context = save(detector({"out": [1, 84, CELLS]}), tmp_path)
    facts = facts_of(context.model)
    strange = TensorInfo(name="out", dtype="float32", shape=(1, 84, 85))
    assert find_head((strange,), facts, SIDE, SIDE) is None


def found_in(corpus, sources, file, picture, **settings):
    context = context_of(corpus / "onnx" / file)
    task = task_of(context)
    path = next((corpus / "images").glob(f"*{picture}*"))
    inputs = {task.slots()[0].name: PictureFile(path=str(path))}
    prepared = task.prepare(sources, inputs, {})
    answer, _ = task.finish(raw_run(context, prepared.feeds), prepared, settings)
    return answer.parts[0].boxes


@pytest.mark.parametrize(
    ("picture", "label"),
    [("golden_retriever", "dog"), ("ruffed_grouse", "bird"), ("papillon", "dog")],
)
def test_fastestdet_finds_animals(corpus, sources, picture, label):
    boxes = found_in(corpus, sources, "fastestdet-ppp/FastestDet.onnx", picture)
    assert label in [box.label for box in boxes[:2]]


def test_ultraface_finds_the_faces_of_a_wedding(corpus, sources):
    boxes = found_in(
        corpus, sources, "ultraface-320/version-RFB-320.onnx", "groom", threshold=0.7
    )
    assert 4 <= len(boxes) <= 6
    assert {box.label for box in boxes} == {"face"}
    widths = [box.right - box.left for box in boxes]
    assert max(widths) < 0.2
    empty = found_in(
        corpus, sources, "ultraface-320/version-RFB-320.onnx", "ambul", threshold=0.7
    )
    assert empty == ()
