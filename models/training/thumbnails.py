"""The small picture of every bundled model, made from its own working.

``make thumbnails`` draws all of them again, with ``MODEL=<id>`` one. Each is a
``thumbnail.png`` of at most 20 kB in the folder of the model. What is drawn is found in
the ONNX files, so that a model of a kind that is known needs no line here.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    RuntimeException,
)
from PIL import Image

from layerscope.library.bundled import THUMBNAIL, bundled_models
from training import thumbnail_classical as classical
from training import thumbnail_drawings as drawings
from training.thumbnail_pixels import Pixels, fitted

SIDE = 128
MAX_BYTES = 20_000
_COLOURS = (256, 96, 48, 16)
Drawing = Callable[[Path, onnx.ModelProto], Pixels | None]

# The first that has something to draw is taken.
DRAWINGS: tuple[Drawing, ...] = (
    drawings.picture_from_words,
    drawings.pictures_from_noise,
    drawings.plane_of_latents,
    classical.tree,
    classical.support_vectors,
    drawings.routing,
    drawings.attention,
    drawings.state_over_time,
    drawings.spectrogram,
    drawings.maps,
    drawings.filters,
    drawings.weights,
)

# What a graph of another form than the drawing expects can lead to.
FAILURES = (ValueError, LookupError, TypeError, Fail, InvalidArgument, RuntimeException)


def draw(folder: Path) -> Image.Image:
    """Return the picture of the model in `folder`.

    Parameters
    ----------
    folder : Path
        ``models/<id>``.

    Raises
    ------
    ValueError
        If there is nothing in the folder that can be drawn.
    """
    graph = onnx.load(drawings.main_graph(folder))
    for drawing in DRAWINGS:
        try:
            pixels = drawing(folder, graph)
        except FAILURES as error:
            sys.stderr.write(f"{folder.name}: no {drawing.__name__}: {error}\n")
            continue
        if pixels is not None:
            return fitted(pixels, SIDE)
    raise ValueError(f"{folder.name} holds neither weights nor trees to draw.")


def encoded(picture: Image.Image) -> bytes:
    """Return a PNG of at most 20 kB, with as many colours as that allows."""
    data = b""
    for n_colours in _COLOURS:
        file = io.BytesIO()
        picture.quantize(n_colours).save(file, "PNG", optimize=True)
        data = file.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return data


def main(wanted: Sequence[str]) -> int:
    """Draw the models named, all of them where none is; return the exit status."""
    entries = {entry.id: entry for entry in bundled_models()}
    unknown = sorted(set(wanted) - set(entries))
    if unknown:
        sys.stderr.write(f"There is no bundled model {', '.join(unknown)}.\n")
        return 1
    for model_id in wanted or entries:
        folder = entries[model_id].path
        data = encoded(draw(folder))
        (folder / THUMBNAIL).write_bytes(data)
        sys.stdout.write(f"{model_id}: {len(data):,} bytes\n")
    return 0


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description="Draw the library's thumbnails.")
    _parser.add_argument("model", nargs="*", help="ids; all of them without one")
    sys.exit(main(_parser.parse_args().model))
