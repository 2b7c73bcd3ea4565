"""Bring back what a picture was made with: model, texts, seed and settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.core import made_with
from layerscope.core.errors import LayerscopeError
from layerscope.core.made_with import MadeWith
from layerscope.protocol.inputs import TensorArray, TypedText
from layerscope.protocol.values import ArrayRef

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller


class Restorer:
    """Reads pictures that tell how they were made."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._waiting: MadeWith | None = None
        self._path = ""

    def restore(self, path: Path) -> bool:
        """Bring back what the picture `path` was made with.

        Returns
        -------
        bool
            False where it does not say, so that it is a picture like any other.
        """
        controller = self._controller
        try:
            made = made_with.read(path)
        except LayerscopeError as error:
            controller.log(str(error), "warning")
            return False
        if made is None:
            return False
        session = controller.session
        if self._is_open(made):
            whole = self._take(made)
            if whole and not session.live:
                controller.run()
            return True
        model = self._find(made)
        if not model:
            controller.complain(
                f"{path.name} was made with {made.model}, which is not here; open that "
                "model, then drop the picture again."
            )
            return True
        if self._waiting is None:
            session.events.opening.connect(self._on_opening)
        self._waiting, self._path = made, model
        controller.open_model(model, task=made.task)
        return True

    def _is_open(self, made: MadeWith) -> bool:
        session = self._controller.session
        report = session.preflight
        return bool(
            report is not None
            and report.sha256 == made.sha256
            and session.task in (made.task, "")
            and session.runnable
        )

    def _find(self, made: MadeWith) -> str:
        """Return the path of the model, empty where it is not known here."""
        session = self._controller.session
        report = session.preflight
        if report is not None and report.sha256 == made.sha256:
            return session.model_path
        known = [str(entry.path) for entry in self._controller.library()]
        for path in (*session.recent, *known):
            if made.path and Path(path).name == made.path and Path(path).exists():
                return path
        return ""

    def _on_opening(self, opening: str) -> None:
        """Take effect once the model is open, before its first run."""
        made, session = self._waiting, self._controller.session
        if opening or made is None:
            return
        session.events.opening.disconnect(self._on_opening, missing_ok=True)
        self._waiting = None
        if session.runnable and Path(session.model_path).name == Path(self._path).name:
            self._take(made)

    def _take(self, made: MadeWith) -> bool:
        """Take over what is told; return whether nothing was missing."""
        controller, session = self._controller, self._controller.session
        # What need not be given would make another picture of the same settings.
        needed = {slot.name for slot in session.slots if not slot.optional}
        kept = {
            name: source
            for name, source in session.inputs.items()
            if (name in needed or name in made.pictures)
            and not isinstance(source, TypedText)
        }
        texts = {
            slot.name: TypedText.of(made.texts_given[slot.name])
            for slot in session.slots
            if slot.kind == "text" and slot.name in made.texts_given
        }
        session.inputs = {**kept, **texts, **self._arrays(made)}
        defaults = {spec.name: spec.default for spec in session.setting_specs}
        controller.reset_settings(
            {
                name: value
                for name, value in made.settings.items()
                if name in defaults and value != defaults[name]
            }
        )
        controller.log(f"taken from a picture: {made.sentence().splitlines()[-1]}")
        return self._has_pictures(made)

    def _arrays(self, made: MadeWith) -> dict[str, TensorArray]:
        """Return the arrays that the open model takes and the picture tells."""
        found = {}
        for slot in self._controller.session.slots:
            text = made.arrays.get(slot.name, "")
            if not text:
                continue
            try:
                # Inline, since it is to stay as long as the model is open.
                array = ArrayRef.inline(made_with.array_of(text))
                found[slot.name] = TensorArray(array=array)
            except LayerscopeError as error:
                self._controller.log(str(error), "warning")
        return found

    def _has_pictures(self, made: MadeWith) -> bool:
        """Say which pictures it began from are missing, or are those open now."""
        given = self._controller.session.inputs
        missing = [name for name in made.pictures if name not in given]
        kept = [name for name in made.pictures if name in given]
        if missing:
            self._controller.complain(
                f"This picture began from another one ({', '.join(missing)}), which "
                "its file does not hold; choose that picture under Input, then run."
            )
        elif kept:
            self._controller.log(
                f"this picture began from another one ({', '.join(kept)}); the one "
                "that is open now was kept, make sure that it is the same"
            )
        return not missing
