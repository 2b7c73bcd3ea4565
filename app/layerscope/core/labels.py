"""Lists of class names that come with the application."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def label_folder() -> Path:
    """Return the folder of the lists: inside the wheel, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "data" / "resources" / "labels"
    if installed.is_dir():
        return installed
    return package.parents[1] / "resources" / "labels"


@cache
def read_list(name: str) -> tuple[str, ...]:
    """Return the names in the list `name`, in order; empty if there is none.

    Parameters
    ----------
    name : str
        ``"imagenet"``, ``"coco"``, ``"voc"`` or ``"cityscapes"``.
    """
    path = label_folder() / f"{name}.txt"
    if not path.is_file():
        return ()
    return tuple(path.read_text(encoding="utf-8").splitlines())


@cache
def class_names(n_classes: int, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names for the outputs of a classifier.

    Parameters
    ----------
    n_classes : int
        How many names are needed.
    known : tuple of str
        What the model's folder says; used where the count fits. A list that is
        one short lacks the background, which then comes first.
    """
    if len(known) == n_classes:
        return known
    if known and len(known) == n_classes - 1:
        return ("background", *known)
    imagenet = read_list("imagenet") if n_classes in (1000, 1001) else ()
    if imagenet and n_classes == 1000:
        return imagenet
    if imagenet and n_classes == 1001:
        return ("background", *imagenet)
    return tuple(f"class {index}" for index in range(n_classes))


@cache
def detection_names(n_classes: int, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names for the classes of a detector; COCO's where there are 80."""
    if len(known) == n_classes:
        return known
    if n_classes == 80 and read_list("coco"):
        return read_list("coco")
    if n_classes == 1:
        return ("object",)
    return tuple(f"class {index}" for index in range(n_classes))


@cache
def segmentation_names(n_classes: int, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names for the classes of a mask: PASCAL VOC's for 21, Cityscapes' for 19."""
    if len(known) == n_classes:
        return known
    if n_classes == 2:
        return ("background", "object")
    name = {19: "cityscapes", 21: "voc"}.get(n_classes, "")
    names = read_list(name) if name else ()
    return names or tuple(f"class {index}" for index in range(n_classes))
