"""Conventions of model folders: which file to open, and what lies around it.

Known are onnxruntime-genai's, diffusers', Optimum's and transformers.js' folders,
the cache of the Hugging Face Hub, and a lone file with a list of labels beside it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from layerscope.core.errors import BadInputError
from layerscope.core.wire import Glimpse, glimpse
from layerscope.engine.model import cards, components, precisions
from layerscope.engine.model.cards import Json, may_be_read, read_json
from layerscope.engine.model.reading import check_plain_file
from layerscope.engine.model.wording import counted, shown, some

ALL_CONFIGS = (
    "genai_config.json",
    "model_index.json",
    "config.json",
    "config.min.json",
)
PREPROCESSORS = (
    "preprocessor_config.json",
    "image_processor_config.json",
    "processor_config.json",
)
# Which graph of a folder says most about the model, the best first.
MAIN_STEMS = (
    "model",
    "decoder_model_merged",
    "vision_model",
    "encoder_model",
    "decoder_model",
    "vision_encoder",
    "unet",
)
DIFFUSERS_PARTS = ("unet", "transformer", "vae_decoder", "text_encoder")
PLAIN_STEMS = {*MAIN_STEMS, "past", "net", "network", "best", "last", "graph"}
# Halves of an autoencoder, each in a folder of its own; the one that draws goes first.
HALVES = ("decoder", "encoder")
MAX_FILES = 4096


@dataclass(frozen=True)
class ModelFolder:
    """A model file and what its folder says of it.

    Attributes
    ----------
    main : Path
        The file to open.
    name : str
        For people.
    config : dict
        ``config.json``, ``genai_config.json`` or ``model_index.json``.
    preprocessor : dict
        ``preprocessor_config.json`` or its like.
    labels : tuple of str
        Names of the classes in order; empty where nothing states them.
    variants : dict
        Files of the same model by precision name, the opened one first.
    licence : str
        As its card, its licence file or its metadata states it; may be empty.
    metadata : dict
        What the file says of itself, ``metadata_props``.
    notes : tuple of str
        Sentences about what was left out.
    root : Path
        The model's folder, where configurations and tokenizers lie.
    components : dict of str to Path
        Files of the other graphs of the same model by name: ``"text_encoder"``,
        ``"vae_decoder"``, ``"decoder"``, …; empty for a model of one graph.
    """

    main: Path
    name: str
    config: Json = field(default_factory=dict)
    preprocessor: Json = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    variants: dict[str, Path] = field(default_factory=dict)
    licence: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    root: Path = Path()
    components: dict[str, Path] = field(default_factory=dict)


def resolve(path: Path) -> ModelFolder:
    """Find the model that a file or folder stands for.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file or a folder.

    Returns
    -------
    ModelFolder

    Raises
    ------
    BadInputError
        There is nothing at `path`, or the folder holds no model or several between
        which only the user can choose.
    """
    path = Path(os.path.abspath(path.expanduser()))
    opened_folder = path.is_dir()
    if opened_folder:
        root = _snapshot(path)
        main = _main_file(root)
    else:
        check_plain_file(path)
        main, root = path, path.parent
    return _described(main, _root_of(main, root), opened_folder)


def _described(main: Path, root: Path, opened_folder: bool) -> ModelFolder:
    notes: list[str] = []
    seen = glimpse(main) if may_be_read(main) else Glimpse()
    config: Json = {}
    for name in ALL_CONFIGS:
        config = config or read_json(root / name, notes)
    preprocessor: Json = {}
    for name in PREPROCESSORS:
        preprocessor = preprocessor or read_json(root / name, notes)
    nested = preprocessor.get("image_processor")
    if isinstance(nested, dict):
        preprocessor = nested
    if any(child.suffix in (".so", ".dll", ".dylib") for child in _children(root)):
        notes.append(
            "A library of custom operators lies beside the model; it is not loaded, "
            "because it could do anything on this machine."
        )
    return ModelFolder(
        main=main,
        name=_name(main, root, opened_folder),
        config=config,
        preprocessor=preprocessor,
        labels=cards.labels(root, main, config, seen.metadata, notes),
        variants=precisions.variants(main, _onnx_files(main.parent), seen),
        licence=cards.licence(root, seen.metadata),
        metadata=seen.metadata,
        notes=tuple(notes),
        root=root,
        components=components.found(main, root),
    )


def _root_of(main: Path, start: Path) -> Path:
    """Return the folder whose configuration holds for `main`."""
    # A parent's configuration is this model's only where the layout says so.
    nested = main.parent.name == "onnx"
    above = main.parent.parent
    for folder in (start, main.parent, above) if nested else (start, main.parent):
        if any((folder / name).is_file() for name in ALL_CONFIGS):
            return folder
    return above if nested else start


def _snapshot(folder: Path) -> Path:
    """Return the newest snapshot if `folder` is a repository in the Hub's cache."""
    snapshots = folder / "snapshots"
    if not snapshots.is_dir() or not (folder / "blobs").is_dir():
        return folder
    named = folder / "refs" / "main"
    if may_be_read(named) and named.stat().st_size < 200:
        revision = named.read_text(errors="replace").strip()
        if revision.isalnum() and (snapshots / revision).is_dir():
            return snapshots / revision
    found = [child for child in _children(snapshots) if child.is_dir()]
    return max(found, key=lambda child: child.stat().st_mtime) if found else folder


def _main_file(root: Path) -> Path:
    notes: list[str] = []
    genai = read_json(root / "genai_config.json", notes)
    stated = genai
    for key in ("model", "decoder"):
        part = stated.get(key)
        stated = part if isinstance(part, dict) else {}
    name = stated.get("filename")
    if isinstance(name, str) and _inside(root, name):
        return root / name
    if (root / "model_index.json").is_file():
        for part in DIFFUSERS_PARTS:
            if (root / part / "model.onnx").is_file():
                return root / part / "model.onnx"
    for folder in (root, root / "onnx"):
        files = _onnx_files(folder)
        if files:
            return _choose(root, files)
    for part in HALVES:
        if (root / part / "model.onnx").is_file():
            return root / part / "model.onnx"
    raise BadInputError(
        f"The folder {shown(root.name)} holds no .onnx file; choose a folder with a "
        "model in it, or the file itself."
    )


def _choose(root: Path, files: list[Path]) -> Path:
    """Return the file that stands for a folder of several."""
    by_base: dict[str, list[Path]] = {}
    for path in files:
        by_base.setdefault(precisions.split_name(path.stem)[0], []).append(path)
    bases = [stem for stem in MAIN_STEMS if stem in by_base]
    if not bases and len(by_base) > 1:
        raise BadInputError(
            f"The folder {shown(root.name)} holds {counted(len(by_base), 'model')} "
            f"({some(sorted(path.name for path in files))}); open one of the files."
        )
    candidates = by_base[bases[0] if bases else next(iter(by_base))]
    return min(candidates, key=lambda path: (len(path.stem), path.name))


def _inside(root: Path, name: str) -> bool:
    parts = Path(name).parts
    return (
        bool(parts)
        and not Path(name).is_absolute()
        and ".." not in parts
        and (root / name).is_file()
    )


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in islice(entries, MAX_FILES)]
    except OSError:
        return []


def _onnx_files(folder: Path) -> list[Path]:
    found = [child for child in _children(folder) if child.suffix.lower() == ".onnx"]
    return sorted(path for path in found if _is_file(path) and may_be_read(path))


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _name(main: Path, root: Path, opened_folder: bool) -> str:
    """Return the folder's name where the file's says nothing."""
    stem = precisions.split_name(main.stem)[0]
    if not opened_folder and stem.lower() not in PLAIN_STEMS:
        return shown(main.stem)
    if root.parent.name == "snapshots":
        # models--organisation--name, as the Hub's cache spells it
        parts = root.parent.parent.name.split("--")
        return shown("/".join(parts[1:]) or parts[0])
    return shown(root.name or main.stem)
