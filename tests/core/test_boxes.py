import numpy as np

from layerscope.core.boxes import from_centres, overlap, suppress
from layerscope.core.labels import (
    class_names,
    detection_names,
    read_list,
    segmentation_names,
)


def test_overlap_of_known_boxes():
    box = np.array([0.0, 0, 2, 2])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [1, 1, 1, 1]])
    np.testing.assert_allclose(overlap(box, others), [1, 1 / 3, 0, 0])


def test_weaker_overlapping_box_is_dropped_within_its_class_only():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 10], [50, 50, 60, 60]])
    scores = np.array([0.6, 0.9, 0.5, 0.1])
    classes = np.array([0, 0, 1, 0])
    kept = suppress(boxes, scores, classes, iou=0.5, most=10)
    assert kept.tolist() == [1, 2, 3]


def test_everything_is_kept_at_full_overlap_and_nothing_of_nothing():
    boxes = np.tile([0.0, 0, 4, 4], (3, 1))
    scores = np.array([0.1, 0.3, 0.2])
    kept = suppress(boxes, scores, np.zeros(3, int), iou=1.0, most=2)
    assert kept.tolist() == [1, 2]
    empty = suppress(boxes[:0], scores[:0], np.zeros(0, int), iou=0.5, most=5)
    assert empty.size == 0


def test_centres_become_corners():
    np.testing.assert_allclose(from_centres(np.array([[5.0, 6, 4, 2]])), [[3, 5, 7, 7]])


def test_label_lists_have_the_standard_lengths():
    assert len(read_list("imagenet")) == 1000
    assert len(set(read_list("imagenet"))) == 1000
    assert len(read_list("coco")) == len(set(read_list("coco"))) == 80
    assert len(read_list("voc")) == 21
    assert len(read_list("cityscapes")) == 19
    assert read_list("none-such") == ()


def test_names_by_count_and_by_folder():
    assert class_names(1000)[207] == "golden retriever"
    assert class_names(1001)[0] == "background"
    assert class_names(1001)[208] == "golden retriever"
    assert class_names(3, ("a", "b", "c")) == ("a", "b", "c")
    assert class_names(3, ("a", "b")) == ("background", "a", "b")
    assert class_names(2, ("a",) * 7) == ("class 0", "class 1")
    assert detection_names(80)[0] == "person"
    assert segmentation_names(21)[12] == "dog"
    assert segmentation_names(19)[0] == "road"


def test_imagenet_list_is_the_corpus_one(corpus):
    lines = (corpus / "images" / "classes.txt").read_text().splitlines()
    names = [line.split("\t")[1] for line in lines]
    ours = read_list("imagenet")
    same = sum(ours[n] == name for n, name in enumerate(names))
    assert same >= 997  # two cranes and two maillots are told apart in ours
