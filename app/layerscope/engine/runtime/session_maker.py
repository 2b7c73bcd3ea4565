"""The sessions of one model, and what is tried when one cannot be made as usual."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import onnx
import onnxruntime as ort

from layerscope.engine.model.extract import LeanModel, cut_at, without_weights
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.taps import Tap, add_taps
from layerscope.engine.model.wording import size
from layerscope.engine.runtime import memory
from layerscope.engine.runtime.sessions import (
    ProviderList,
    Session,
    session_of_file,
    session_of_lean,
    session_options,
)

logger = logging.getLogger(__name__)

_REUSE_FAILURES = ("shape verification failed", "buffer reuse", "re-use buffer")
_MEMORY_FAILURES = ("bad_alloc", "failed to allocate", "out of memory")


class SessionMaker:
    """Makes the sessions of one model on one device.

    Parameters
    ----------
    model : OnnxModel
    providers : sequence
        As onnxruntime takes them.
    from_file : bool
        Whether the untouched session reads the model's own file; not so after a
        conversion.

    Attributes
    ----------
    keep_shapes : bool
        False once the shapes that the file stores were found to be wrong.
    notes : list of str
        Sentences about what was recovered or given up.
    """

    def __init__(
        self, model: OnnxModel, providers: ProviderList, *, from_file: bool = True
    ) -> None:
        self.model = model
        self.providers = providers
        self.keep_shapes = True
        self.notes: list[str] = []
        # TensorRT would build another engine for minutes; CUDA stands behind it.
        self._watching = [p for p in providers if "Tensorrt" not in str(p)]
        self._level: Any = None
        self._from_file = from_file
        # Such a model is held once: while it is watched, all sessions use its
        # weights where they are mapped.
        self.shares = memory.is_large(model) and memory.can_share(model)

    def untouched(self, *, prepack: bool = True) -> Session:
        """Make a session of the model as it is.

        Parameters
        ----------
        prepack : bool
            False to use mapped weights in place, which is slower.
        """
        options = session_options(prepack=prepack, level=self._level)
        if self._from_file and self.keep_shapes:
            return session_of_file(self.model.path, options, self.providers)
        return session_of_lean(self.lean(), options, self.providers)

    def first(self) -> Session:
        """Make the first session, trying again in plainer ways.

        Raises
        ------
        Exception
            What onnxruntime raised at the first try.
        """
        try:
            return self.untouched()
        except Exception as error:
            if any(word in str(error).lower() for word in _MEMORY_FAILURES):
                raise
            logger.info("the first session failed", exc_info=True)
            try:
                return self._plainer()
            except Exception:
                logger.info("plainer sessions failed too", exc_info=True)
            raise

    def _plainer(self) -> Session:
        if self.model.proto.graph.value_info:
            self.keep_shapes = False
            try:
                session = self.untouched()
            except Exception:  # noqa: BLE001 - the next step may help
                self.keep_shapes = True
            else:
                self.notes.append(
                    "The shapes stored in this file contradict its graph; they were "
                    "left out, and shapes are measured as it runs."
                )
                return session
        self._level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = self.untouched()
        except Exception:
            self._level = None
            raise
        self.notes.append(
            "onnxruntime could not optimise this model, so it runs unoptimised and "
            "slower than it might."
        )
        return session

    def lies_found(self, error: Exception) -> bool:
        """Whether a run failed because stored shapes are wrong; if so, drop them.

        After True, sessions have to be made anew.
        """
        text = str(error).lower()
        if not self.keep_shapes or not any(word in text for word in _REUSE_FAILURES):
            return False
        self.keep_shapes = False
        self.notes.append(
            "The shapes stored in this file are wrong: onnxruntime planned its buffers "
            "by them and the run failed. They were left out, and the run repeated."
        )
        return True

    def lean(self, *, keep_shapes: bool | None = None) -> LeanModel:
        """Return a copy of the model without its weights, free to be changed."""
        keep = self.keep_shapes if keep_shapes is None else keep_shapes
        return without_weights(self.model, keep_shapes=keep)

    def tapped(self, tensors: Sequence[tuple[str, int]]) -> tuple[Session, list[Tap]]:
        """Make a session with taps.

        Parameters
        ----------
        tensors : sequence of (str, int)
            Name and rank, in the order of computation.

        Raises
        ------
        OutOfMemoryError
            A second copy of the weights would not fit.
        """
        if not self.shares:
            memory.check_room(2 * self.model.weight_bytes, "Watching this model")
        lean = self.lean()
        taps = add_taps(lean.proto, tensors)
        options = session_options(prepack=not self.shares, level=self._level)
        return session_of_lean(lean, options, self._watching), list(taps)

    def cut(self, tensors: Sequence[str]) -> Session:
        """Make a session that ends at `tensors`."""
        lean = self.lean(keep_shapes=False)
        cut_at(lean.proto, tensors)
        options = session_options(prepack=False, level=self._level)
        return session_of_lean(lean, options, self._watching)

    def edited(self, edit: Callable[[onnx.ModelProto], None]) -> Session:
        """Make a session of a copy that `edit` changes in place.

        It is run as often as somebody looks, so small models get packed weights.
        """
        lean = self.lean(keep_shapes=False)
        edit(lean.proto)
        small = not memory.is_large(self.model)
        options = session_options(prepack=small, level=self._level)
        return session_of_lean(lean, options, self._watching)

    def tell_of_sharing(self) -> None:
        """Note what watching a large model costs."""
        text = size(self.model.weight_bytes)
        note = (
            f"While this model is watched, its {text} of weights are used where they "
            "are mapped and not held twice; its runs, the untouched ones too, are "
            "slower by about a quarter or a third until watching stops."
        )
        if note not in self.notes:
            self.notes.append(note)
