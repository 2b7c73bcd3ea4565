"""Texts: what was typed last for each model, the token pointed at, and branches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from layerscope.library.preferences import Preferences
from layerscope.protocol.inputs import InputSource, SettingValue, TypedText
from layerscope.protocol.values import InputSlot
from layerscope.state.session import Session

MOST_MODELS = 50
MOST_CHARACTERS = 20_000
_OPTION = "texts"


class LastTexts:
    """Remembers the last text of each model, from one start to the next.

    Parameters
    ----------
    preferences : Preferences
        Where the texts are kept, the `MOST_MODELS` used last.
    """

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    def remember(self, session: Session) -> None:
        """Keep the texts that the open model has now; very long ones are not kept."""
        typed = {
            name: source.text
            for name, source in session.inputs.items()
            if isinstance(source, TypedText) and len(source.text) <= MOST_CHARACTERS
        }
        if session.preflight is None or not typed:
            return
        known = self._read()
        known.pop(session.preflight.sha256, None)
        known[session.preflight.sha256] = typed
        kept = dict(list(known.items())[-MOST_MODELS:])
        self._preferences.set_option(_OPTION, json.dumps(kept))

    def remembered(
        self,
        session: Session,
        slots: Sequence[InputSlot],
        inputs: Mapping[str, InputSource],
    ) -> dict[str, InputSource]:
        """Return the inputs of a model just opened, with the texts it had before."""
        known: Any = {}
        if session.preflight is not None:
            known = self._read().get(session.preflight.sha256)
        given = dict(inputs)
        for slot in slots:
            text = known.get(slot.name) if isinstance(known, dict) else None
            if slot.kind == "text" and isinstance(text, str):
                given[slot.name] = TypedText.of(text)
        return given

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(str(self._preferences.option(_OPTION, "{}")))
        except (ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def choose_token(controller: Any, token: int) -> None:
    """Point all panels at a token of prompt and made text; -1 for none."""
    if controller.session.token != token:
        controller.session.token = token


def continue_from(
    controller: Any, ids: Sequence[int], **settings: SettingValue
) -> None:
    """Run again with these ids as the first made tokens; what follows is new.

    Parameters
    ----------
    controller : Controller
        Runs at once; a run under way makes room.
    ids : sequence of int
        Of the made tokens to begin with.
    **settings : SettingValue
        More settings of this run alone.
    """
    forced = " ".join(str(each) for each in ids)
    controller.session.once = {"forced": forced, **settings}
    controller.run()
