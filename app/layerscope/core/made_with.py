"""What a picture was made with, as it is written into its file and read back."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core import png
from layerscope.core.errors import BadInputError

KEY = "layerscope"
OTHERS_KEY = "parameters"  # what other programs write and read
Value = bool | int | float | str
MOST_ENTRIES = 200
MOST_VALUES = 1 << 14  # a latent of 4 x 64 x 64; 64 KiB as float32


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeWith:
    """A model and all that it was told.

    Attributes
    ----------
    model : str
        Its name for people.
    sha256 : str
        First 16 hexadecimal digits of its main file's, to tell whether it is the same.
    path : str
        Name of its folder, never a place on a disk.
    task : str
        Id of the task.
    texts_given : dict of str to str
        By slot: the prompt, the negative prompt, ….
    settings : dict
        All settings that the picture depends on, defaults too.
    pictures : tuple of str
        Slots of the pictures that it began from; they are not in the file.
    arrays : dict of str to str
        Small arrays that it began from by slot, as `array_text` writes them.
    """

    model: str
    sha256: str = ""
    path: str = ""
    task: str = ""
    texts_given: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Value] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()
    arrays: dict[str, str] = field(default_factory=dict)

    def json(self) -> str:
        """Return it as JSON, for `PictureAnswer.metadata`."""
        told: dict[str, Any] = {
            "model": self.model,
            "sha256": self.sha256,
            "path": self.path,
            "task": self.task,
            "texts": self.texts_given,
            "settings": self.settings,
        }
        if self.pictures:
            told["pictures"] = self.pictures
        if self.arrays:
            told["arrays"] = self.arrays
        return json.dumps(told, ensure_ascii=False)

    def texts(self) -> dict[str, str]:
        """Return what goes into a PNG file, by keyword."""
        return {OTHERS_KEY: self.sentence(), KEY: self.json()}

    def sentence(self) -> str:
        """Return it in the form that other programs for diffusion write."""
        lines = [self.texts_given.get("prompt", "")]
        if self.texts_given.get("negative_prompt"):
            lines.append(f"Negative prompt: {self.texts_given['negative_prompt']}")
        names = {
            "steps": "Steps",
            "scheduler": "Sampler",
            "guidance": "CFG scale",
            "seed": "Seed",
            "size": "Size",
        }
        told = []
        for name, shown in names.items():
            if name in self.settings:
                value = self.settings[name]
                if name == "size":  # theirs is width x height
                    value = "x".join(reversed(str(value).split()))
                told.append(f"{shown}: {value}")
        lines.append(", ".join([*told, f"Model: {self.model}"]))
        return "\n".join(lines)

    @classmethod
    def from_json(cls, text: str) -> MadeWith:
        """Read what `json` wrote.

        Raises
        ------
        BadInputError
            It is something else.
        """
        try:
            read = json.loads(text)
            texts = _plain(read.get("texts", {}), str)
            settings = _plain(read.get("settings", {}), Value)
            return cls(
                model=str(read["model"]),
                sha256=str(read.get("sha256", "")),
                path=str(read.get("path", "")),
                task=str(read.get("task", "")),
                texts_given=texts,
                settings=settings,
                pictures=tuple(map(str, read.get("pictures", ())))[:MOST_ENTRIES],
                arrays=_plain(read.get("arrays", {}), str),
            )
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise BadInputError(
                "What this picture was made with cannot be read from its file; set it "
                "by hand."
            ) from error


def array_text(array: npt.NDArray[np.generic]) -> str:
    """Return a small array as text: dtype, sides and the values in base 64.

    Parameters
    ----------
    array : ndarray
        Of numbers or truth values; more than `MOST_VALUES` give an empty text.
    """
    if array.size > MOST_VALUES or array.dtype.kind not in "biuf":
        return ""
    values = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    shape = map(str, array.shape)
    coded = base64.b64encode(values.tobytes()).decode()
    return " ".join((array.dtype.name, *shape, f"={coded}"))


def array_of(text: str) -> npt.NDArray[np.generic]:
    """Read what `array_text` wrote.

    Raises
    ------
    BadInputError
        It is something else, or more than `MOST_VALUES`.
    """
    try:
        head, _, coded = text.partition("=")
        name, *sides = head.split()
        dtype = np.dtype(name)
        shape = tuple(map(int, sides))
        if dtype.kind not in "biuf" or min(shape, default=0) < 0:
            raise ValueError
        if math.prod(shape) > MOST_VALUES:
            raise ValueError
        data = base64.b64decode(coded, validate=True)
        read = np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape)
        return read.astype(dtype)
    except (ValueError, TypeError) as error:
        raise BadInputError(
            "An array that this picture was made with cannot be read from its file; "
            "set it by hand."
        ) from error


def read(path: Path) -> MadeWith | None:
    """Return what a PNG file says that its picture was made with, None for nothing.

    Raises
    ------
    BadInputError
        The file cannot be opened, or says it in a way that cannot be read.
    """
    text = png.read_texts(path).get(KEY, "")
    return MadeWith.from_json(text) if text else None


def _plain(given: Any, kind: Any) -> dict[str, Any]:
    """Return the entries whose values are of `kind`, not too many."""
    kept = {}
    for name, value in list(given.items())[:MOST_ENTRIES]:
        finite = not isinstance(value, float) or math.isfinite(value)
        if isinstance(value, kind) and finite:
            kept[str(name)] = value
    return kept
