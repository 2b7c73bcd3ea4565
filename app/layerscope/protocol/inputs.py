"""Where an input of a run comes from, and values of settings."""

from __future__ import annotations

import msgspec

from layerscope.core.text import cleaned
from layerscope.protocol.values import ArrayRef

SettingValue = bool | int | float | str


class Source(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all input sources."""


class PictureFile(Source, frozen=True, kw_only=True):
    """A picture file, decoded in the engine."""

    path: str


class PictureArray(Source, frozen=True, kw_only=True):
    """A drawn or pasted picture: (h, w, 3) uint8 RGB or (h, w, 4) RGBA."""

    array: ArrayRef


class CameraFrame(Source, frozen=True, kw_only=True):
    """The newest picture of a camera."""

    camera: int = 0


class VideoFrame(Source, frozen=True, kw_only=True):
    """A picture of a video file.

    Attributes
    ----------
    position : int
        Number of the frame, or -1 for the next one, starting over at the end.
    """

    path: str
    position: int = -1


class RandomTensor(Source, frozen=True, kw_only=True):
    """Repeatable random values.

    Attributes
    ----------
    shape : tuple of int
        Empty to fill symbolic sizes with the slot's defaults.
    """

    seed: int = 0
    shape: tuple[int, ...] | None = None


class ConstantTensor(Source, frozen=True, kw_only=True):
    """The same value everywhere."""

    value: float = 0.0
    shape: tuple[int, ...] | None = None


class TensorFile(Source, frozen=True, kw_only=True):
    """A ``.npy`` file, or one array of an ``.npz`` file.

    Attributes
    ----------
    key : str
        Name in the ``.npz``; empty for the slot's own name or the only array.
    """

    path: str
    key: str = ""


class TensorArray(Source, frozen=True, kw_only=True):
    """An array from the window."""

    array: ArrayRef


class PreviousOutput(Source, frozen=True, kw_only=True):
    """The value that an output had in the last run; zeros before the first."""

    output: str
    shape: tuple[int, ...] | None = None


class TypedText(Source, frozen=True, kw_only=True):
    """A text for a slot of kind ``"text"``; make it by `TypedText.of`.

    Where the model has no tokenizer, or the text begins with ``ids:``, it is read
    as token ids: ``"ids: 15 11 99"``.

    Attributes
    ----------
    text : str
        At most `MOST_CHARACTERS`, and without broken surrogates, which no message
        can carry.
    note : str
        What was changed to make it so, one sentence, or empty.
    """

    text: str
    note: str = ""

    @classmethod
    def of(cls, text: str) -> TypedText:
        """Return the source of whatever text somebody typed, pasted or loaded."""
        sendable, note = cleaned(text)
        return cls(text=sendable, note=note)


class TokenIds(Source, frozen=True, kw_only=True):
    """Token ids for a slot of kind ``"text"``, taken as they are."""

    ids: tuple[int, ...]


InputSource = (
    PictureFile
    | PictureArray
    | CameraFrame
    | VideoFrame
    | RandomTensor
    | ConstantTensor
    | TensorFile
    | TensorArray
    | PreviousOutput
    | TypedText
    | TokenIds
)
