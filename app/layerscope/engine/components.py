"""The graphs that make up one model besides the one that is drawn."""

from __future__ import annotations

import threading
from pathlib import Path

from layerscope.core.errors import BadInputError
from layerscope.engine.model import reading, refusals, structure
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.runtime.running import RunningModel
from layerscope.protocol.values import DeviceInfo


class Component:
    """One graph of a model, read at once and made ready when first run.

    Parameters
    ----------
    name : str
        ``"unet"``, ``"text_encoder"``, ….
    path : Path
        Its ``.onnx`` file.
    device : DeviceInfo
    precision : str
        As `RunningModel` takes it.

    Attributes
    ----------
    file : OnnxModel
    structure : ModelStructure

    Raises
    ------
    LayerscopeError
        The file cannot be read.
    """

    def __init__(
        self, name: str, path: Path, device: DeviceInfo, precision: str
    ) -> None:
        self.name = name
        self.file: OnnxModel = reading.read_model(path)
        self.structure: ModelStructure = structure.describe(self.file)
        refusals.refuse_early(self.file, self.structure)
        self.running = RunningModel(self.file, self.structure, device, precision)
        self.running.load()


class Components:
    """The graphs of one open model by name, each made ready when first asked for.

    Parameters
    ----------
    paths : dict of str to Path
        The other graphs' files, as `ModelFolder.components` names them.
    device : DeviceInfo
    precision : str
    """

    def __init__(
        self, paths: dict[str, Path], device: DeviceInfo, precision: str = ""
    ) -> None:
        self._paths = paths
        self._device = device
        self._precision = precision
        self._ready: dict[str, Component] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components, in the folder's order."""
        return tuple(self._paths)

    def get(self, name: str) -> Component:
        """Return a component, making its session first where there is none yet.

        Raises
        ------
        BadInputError
            There is no such component.
        LayerscopeError
            It cannot be read or run.
        """
        with self._lock:
            if name not in self._ready:
                if name not in self._paths:
                    there = ", ".join(self._paths) or "none"
                    raise BadInputError(
                        f"The part {name!r} of the model is needed; the folder has "
                        f"{there}. Add the missing part to the folder."
                    )
                self._ready[name] = Component(
                    name, self._paths[name], self._device, self._precision
                )
            return self._ready[name]

    def release(self) -> None:
        """Let go of all sessions."""
        with self._lock:
            for component in self._ready.values():
                component.running.release()
            self._ready.clear()
