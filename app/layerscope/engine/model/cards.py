"""What lies beside a model: configuration, labels, licence.

All of it is text from strangers: files are read only if they are plain, small and
not links that leave the folder, and what does not parse is left out with a note.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from layerscope.core.errors import BadInputError
from layerscope.engine.model.reading import check_plain_file
from layerscope.engine.model.wording import shown, size

Json = dict[str, Any]

MAX_TEXT_BYTES = 16 << 20
MAX_LABELS = 1 << 20
MAX_LABEL_LENGTH = 200
LABEL_FILES = ("labels.txt", "classes.txt", "synset.txt", "imagenet_classes.txt")
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
_LICENCES = (
    ("Apache-2.0", re.compile(r"Apache License\s+Version 2\.0")),
    ("MIT", re.compile(r"MIT License|Permission is hereby granted, free of charge")),
    ("AGPL-3.0", re.compile(r"GNU AFFERO GENERAL PUBLIC LICENSE")),
    ("LGPL", re.compile(r"GNU LESSER GENERAL PUBLIC LICENSE")),
    ("GPL", re.compile(r"GNU GENERAL PUBLIC LICENSE")),
    ("MPL-2.0", re.compile(r"Mozilla Public License")),
    ("BSD", re.compile(r"Redistribution and use in source and binary forms")),
    ("CC0-1.0", re.compile(r"CC0 1\.0 Universal")),
)
_SYNSET = re.compile(r"^n\d{8}[\s,]+")
_PLACEHOLDER = re.compile(r"^LABEL_\d+$")


def may_be_read(path: Path) -> bool:
    """Whether `path` is a plain file that is reached without leaving its folder."""
    try:
        check_plain_file(path)
    except BadInputError:
        return False
    return True


def read_text(path: Path, notes: list[str]) -> str:
    """Return the text of a small file, empty where there is none to be read.

    Parameters
    ----------
    path : Path
        It need not exist.
    notes : list of str
        Takes a sentence when the file is there but left out.
    """
    if not path.exists() and not path.is_symlink():
        return ""
    try:
        n_bytes = check_plain_file(path)
        if n_bytes > MAX_TEXT_BYTES:
            notes.append(
                f"{shown(path.name)} was left out: it is {size(n_bytes)}, and such "
                f"files are read up to {size(MAX_TEXT_BYTES)}."
            )
            return ""
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except (BadInputError, OSError) as error:
        notes.append(f"{shown(path.name)} was left out: {shown(str(error), 200)}")
        return ""


def read_json(path: Path, notes: list[str]) -> Json:
    """Return the object in a JSON file, empty where there is none.

    Parameters
    ----------
    path : Path
        It need not exist.
    notes : list of str
        Takes a sentence when the file is there but does not parse.
    """
    text = read_text(path, notes)
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        notes.append(
            f"{shown(path.name)} was left out because it is not valid JSON: "
            f"{shown(why, 120)}."
        )
        return {}
    if isinstance(value, dict):
        return value
    notes.append(f"{shown(path.name)} was left out because it holds no JSON object.")
    return {}


def labels(
    root: Path, main: Path, config: Json, metadata: dict[str, str], notes: list[str]
) -> tuple[str, ...]:
    """Return the names of a model's classes in order, or nothing.

    Parameters
    ----------
    root : Path
        The model's folder.
    main : Path
        The model file.
    config : dict
        The folder's configuration.
    metadata : dict
        The file's own; Ultralytics keeps a dictionary under ``names``.
    notes : list of str
        Takes sentences about what was left out.
    """
    found = _by_index(config.get("id2label"))
    if not found and isinstance(config.get("label2id"), dict):
        found = _by_index({v: k for k, v in config["label2id"].items() if _plain(v)})
    for key in ("target_labels_space", "label_names", "labels", "classes"):
        found = found or _listed(config.get(key))
    pretrained = config.get("pretrained_cfg")
    if not found and isinstance(pretrained, dict):
        found = _listed(pretrained.get("label_names"))
    for key in ("names", "labels", "classes", "class_names"):
        found = found or _stated(metadata.get(key, ""))
    stem = main.stem
    for name in (f"{stem}.labels.txt", f"{stem}.txt", f"{stem}_labels.txt"):
        found = found or _lines(read_text(main.parent / name, notes))
    for folder in dict.fromkeys((main.parent, root)):
        for name in LABEL_FILES:
            found = found or _lines(read_text(folder / name, notes))
    if all(_PLACEHOLDER.match(label) for label in found):
        return ()  # what transformers writes where nobody gave names
    return tuple(label[:MAX_LABEL_LENGTH] for label in found)


def _plain(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _by_index(names: object) -> list[str]:
    """Return the values of ``{"0": "cat", "1": "dog"}`` in order of their keys."""
    if not isinstance(names, dict) or not names:
        return []
    by_index: dict[int, str] = {}
    for key, name in names.items():
        if not _plain(key) or not re.fullmatch(r"[0-9]{1,7}", str(key)):
            return []
        by_index[int(key)] = str(name)
    last = max(by_index)
    if last >= MAX_LABELS or last >= 4 * len(by_index) + 16:
        return []
    return [by_index.get(i, str(i)) for i in range(last + 1)]


def _listed(names: object) -> list[str]:
    if isinstance(names, dict):
        return _by_index(names)
    if not isinstance(names, list) or len(names) > MAX_LABELS:
        return []
    return [str(name) for name in names] if all(map(_plain, names)) else []


def _stated(text: str) -> list[str]:
    """Return labels that a metadata value spells: JSON, Python, lines or commas."""
    text = text.strip()
    if not text:
        return []
    if text[0] in "{[":
        for parse in (json.loads, ast.literal_eval):
            try:
                return _listed(parse(text))
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
        return []
    split = text.splitlines() if "\n" in text else text.split(",")
    return [part.strip() for part in split] if len(split) > 1 else []


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > MAX_LABELS or len(lines) < 2:
        return []
    return [_SYNSET.sub("", line) or line for line in lines]


def licence(root: Path, metadata: dict[str, str]) -> str:
    """Return the licence that a card, a file or the metadata states.

    Parameters
    ----------
    root : Path
        The model's folder.
    metadata : dict
        The model file's own.
    """
    card = read_text(root / "README.md", [])
    if card.startswith("---"):
        header = card[3:].partition("\n---")[0]
        match = re.search(r"^licen[sc]e:[ \t]*['\"]?([^'\"\n#]+)", header, re.MULTILINE)
        if match and match[1].strip():
            return shown(match[1].strip(), 60)
    for name in LICENCE_FILES:
        text = read_text(root / name, [])
        for short, pattern in _LICENCES:
            if pattern.search(text[:4000]):
                return short
        lines = [line.strip() for line in text.splitlines()]
        first = next((line for line in lines if line and line[0] not in "#=-*<"), "")
        if first:
            return shown(first, 60)
    for key in ("license", "licence", "License"):
        if metadata.get(key, "").strip():
            return shown(metadata[key].strip(), 60)
    return ""
