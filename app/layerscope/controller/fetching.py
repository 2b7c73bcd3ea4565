"""Get a whole tensor from the engine, piece by piece."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import LayerscopeError
from layerscope.protocol.messages import Event, Failed, FetchTensor, TensorFetched

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller


class TensorFetch:
    """One tensor on its way.

    Parameters
    ----------
    controller : Controller
    name : str
    done : callable
        Gets the array with its own shape.
    failed : callable, optional
    """

    def __init__(
        self,
        controller: Controller,
        name: str,
        done: Callable[[npt.NDArray[np.generic]], None],
        failed: Callable[[Failed], None] | None = None,
    ) -> None:
        self._controller = controller
        self._name = name
        self._done = done
        self._failed = failed
        self._pieces: list[npt.NDArray[np.generic]] = []
        self._have = 0

    def ask(self) -> None:
        """Ask for the next piece."""
        self._controller.query(
            FetchTensor(
                job=self._controller.client.next_job(),
                model=self._controller.session.model,
                tensor=self._name,
                start=self._have,
            ),
            self._on_piece,
            self._failed,
        )

    def _on_piece(self, event: Event) -> None:
        if not isinstance(event, TensorFetched):
            return
        if event.text:
            self._done(np.array(event.text))
            return
        try:
            piece = self._controller.get_array(event.array)
        except LayerscopeError as error:
            self._controller.log(str(error), "warning")
            return
        self._pieces.append(piece)
        self._have += piece.size
        if self._have >= math.prod(event.shape) or not piece.size:
            self._done(np.concatenate(self._pieces).reshape(event.shape))
        else:
            self.ask()
