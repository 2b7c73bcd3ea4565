"""Seeds: the one that is set, another one, or several beside each other."""

from __future__ import annotations

import random
from typing import Any

from layerscope.state.session import Session

NAME = "seed"
SWEEP = "sweep_columns"
MOST_DRAWN = 1_000_000
_drawing = random.SystemRandom()


def takes_seed(session: Session) -> bool:
    """Whether the open model has a seed to set."""
    return bool(session.model) and _spec(session, NAME) is not None


def can_sweep(session: Session) -> bool:
    """Whether several seeds can be tried in one run."""
    spec = _spec(session, SWEEP)
    return spec is not None and NAME in spec.choices


def sweeps(session: Session) -> bool:
    """Whether the next run tries several seeds."""
    return session.settings.get(SWEEP) == NAME


def seed_of(session: Session) -> int:
    """Return the seed of the next run."""
    spec = _spec(session, NAME)
    return int(session.settings.get(NAME, spec.default if spec is not None else 0))


def set_seed(controller: Any, seed: int) -> None:
    """Set a seed, as near as the model takes it, and run."""
    spec = _spec(controller.session, NAME)
    if spec is not None and spec.maximum > spec.minimum:
        seed = int(min(spec.maximum, max(spec.minimum, seed)))
    controller.set_setting(NAME, seed)
    if not controller.session.live:
        controller.run()


def draw(controller: Any) -> int:
    """Set another seed by chance and run; return it."""
    seed = _drawing.randrange(MOST_DRAWN)
    set_seed(controller, seed)
    return seed


def run(controller: Any) -> None:
    """Run with the seed that is set, or with another one where it is not locked."""
    session = controller.session
    if takes_seed(session) and not session.seed_locked:
        draw(controller)
    else:
        controller.run()


def sweep(controller: Any, on: bool) -> None:
    """Try several seeds beside each other, or one again, and run."""
    controller.set_setting(SWEEP, NAME if on else "none")
    if not controller.session.live:
        controller.run()


def _spec(session: Session, name: str) -> Any:
    return next((spec for spec in session.setting_specs if spec.name == name), None)
