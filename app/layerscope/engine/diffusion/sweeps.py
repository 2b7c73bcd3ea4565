"""A picture for every pair of values of two settings."""

from __future__ import annotations

from dataclasses import dataclass

from layerscope.core import diffusion
from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.options import Settings
from layerscope.engine.diffusion.parts import Parts
from layerscope.protocol.inputs import SettingValue

NONE = "none"
MOST_CELLS = 100
WHOLE = ("seed", "steps")
SHARES = ("strength", "blend")


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which settings change, and the values each takes.

    Attributes
    ----------
    rows, columns : str
        Names of settings, empty for none.
    row_values, column_values : tuple
        One value where there is no setting.
    """

    rows: str
    columns: str
    row_values: tuple[SettingValue, ...]
    column_values: tuple[SettingValue, ...]

    @property
    def cells(self) -> list[Settings]:
        """What changes in each cell, row by row."""
        return [
            {
                name: value
                for name, value in ((self.rows, row), (self.columns, column))
                if name
            }
            for row in self.row_values
            for column in self.column_values
        ]


def settings_to_sweep(parts: Parts) -> tuple[str, ...]:
    """Return which settings of a model can be swept."""
    names = ["seed", "steps"]
    if parts.guided:
        names.append("guidance")
    names.append("scheduler")
    if not parts.latent or "vae_encoder" in parts.components:
        names.append("strength")
    names.append("blend")
    if parts.label is not None:
        names.append("label")
    return tuple(names)


def sweep_of(parts: Parts, settings: Settings) -> Sweep | None:
    """Return what is to be swept, None where nothing is.

    Raises
    ------
    BadInputError
        A setting cannot be swept, its values cannot be read, or they are too many.
    """
    rows, row_values = _axis(parts, settings, "sweep_rows", "sweep_row_values")
    columns, column_values = _axis(
        parts, settings, "sweep_columns", "sweep_column_values"
    )
    if not rows and not columns:
        return None
    if rows == columns:
        raise BadInputError(
            f"Rows and columns of the variations are both {rows}; choose another "
            "setting for one of them."
        )
    n = len(row_values) * len(column_values)
    if n > MOST_CELLS:
        raise BadInputError(
            f"{n} variations were asked for; {MOST_CELLS} are the most, so give fewer "
            "values."
        )
    return Sweep(rows, columns, row_values, column_values)


def _axis(
    parts: Parts, settings: Settings, name_key: str, values_key: str
) -> tuple[str, tuple[SettingValue, ...]]:
    name = str(settings.get(name_key, NONE)) or NONE
    if name == NONE:
        return "", ("",)
    allowed = settings_to_sweep(parts)
    if name not in allowed:
        raise BadInputError(
            f"Variations of {name[:40]!r} were asked for; there are "
            f"{', '.join(allowed)}."
        )
    given = str(settings.get(values_key, "")).replace(",", " ").split()
    if not given:
        return name, _usual(parts, settings, name)
    return name, tuple(_value(name, text) for text in given)


def _usual(parts: Parts, settings: Settings, name: str) -> tuple[SettingValue, ...]:
    if name == "seed":
        first = int(settings.get("seed", 0))
        return tuple(range(first, first + 4))
    if name == "steps":
        return (5, 10, 20, 40)
    if name == "guidance":
        return (1.0, 3.0, 6.0, 9.0)
    if name in SHARES:
        return (
            (0.25, 0.5, 0.75, 1.0)
            if name == "strength"
            else (0.0, 0.25, 0.5, 0.75, 1.0)
        )
    if name == "label":
        return tuple(str(n) for n in range(min(parts.n_classes, 10)))
    return tuple(
        kind.id
        for kind in diffusion.SCHEDULERS
        if (kind.id == "flow-euler") == parts.flows and kind.id != "lcm"
    )


def _value(name: str, text: str) -> SettingValue:
    if name in ("scheduler", "label"):
        return text
    try:
        return int(text) if name in WHOLE else float(text)
    except ValueError:
        kind = "whole numbers" if name in WHOLE else "numbers"
        raise BadInputError(
            f"Variations of {name} take {kind}, parted by blanks; {text[:40]!r} is "
            "none."
        ) from None
