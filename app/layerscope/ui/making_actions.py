"""The actions of models that make pictures and texts: seeds, and saving what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from layerscope.controller import seeds
from layerscope.ui.actions import ActionSpec

if TYPE_CHECKING:
    from layerscope.ui.main_window import MainWindow


def making_actions(window: MainWindow) -> list[ActionSpec]:
    """Return the actions for what a model makes."""
    controller = window.controller
    session = controller.session

    def has_seed() -> bool:
        return seeds.takes_seed(session)

    def lock() -> None:
        session.seed_locked = not session.seed_locked

    return [
        ActionSpec(
            id="output.save",
            text="Save picture that the model made…",
            menu="File",
            keys=("Ctrl+S",),
            section=2,
            tooltip="Write the picture with model, prompt, seed and settings inside",
            run=lambda: cast(Any, window.panels["output"]).save_as(),
            enabled=lambda: bool(session.n_runs),
        ),
        ActionSpec(
            id="seed.lock",
            text="Lock the seed",
            menu="Run",
            keys=("Ctrl+Shift+L",),
            section=2,
            tooltip="Run takes this seed each time; unlocked, another one",
            run=lock,
            enabled=has_seed,
            checked=lambda: bool(session.seed_locked),
        ),
        ActionSpec(
            id="seed.draw",
            text="Another seed",
            menu="Run",
            keys=("Ctrl+R",),
            section=2,
            tooltip="Draw another seed and run",
            run=lambda: seeds.draw(controller),
            enabled=has_seed,
        ),
        ActionSpec(
            id="seed.sweep",
            text="Several seeds side by side",
            menu="Run",
            section=2,
            tooltip="Run with several seeds, from this one on, side by side",
            run=lambda: seeds.sweep(controller, not seeds.sweeps(session)),
            enabled=lambda: seeds.can_sweep(session),
            checked=lambda: seeds.sweeps(session),
        ),
    ]
