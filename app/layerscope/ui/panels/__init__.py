"""One panel a file, and the list of them.

A new panel is a new file and one line in `PANELS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerscope.ui.panels.base import Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """What the window has to know to place a panel.

    Attributes
    ----------
    name : str
        Object name of the panel, and its name in saved layouts.
    title : str
        As listed in the View menu.
    factory : str
        ``"module:Class"``, imported when the panel is made; the class is called
        with the controller.
    area : str
        ``"left"``, ``"top"``, ``"centre"``, ``"right"`` or ``"bottom"``.
    weight : int
        Share of the area it gets at first, relative to its neighbours; of a tab,
        while it is in front.
    tab_of : str
        Name of the panel whose place it shares as a tab, or empty; `area` is then
        not looked at.
    lens : str
        Of a tab: it is offered only where the open model has this lens.
    when : callable, optional
        Of a tab: called with the session, says whether it is offered now.
    joins : str
        Of a panel of the centre: name of the panel whose place it joins as a tab
        while a tab with `first` is offered there, since that needs the room.
    first : bool
        Of a tab: in front when a model that has it is opened, unless another one
        was chosen for this task before.
    """

    name: str
    title: str
    factory: str
    area: str = ""
    weight: int = 1
    tab_of: str = ""
    lens: str = ""
    when: Callable[[Any], bool] | None = None
    joins: str = ""
    first: bool = False

    def suits(self, session: Any) -> bool:
        """Whether the open model has what the panel shows."""
        return bool(session.model) and (
            (not self.lens or self.lens in session.lenses)
            and (self.when is None or self.when(session))
        )

    def make(self, controller: Any) -> Panel:
        """Return a new panel."""
        module, _, name = self.factory.partition(":")
        panel: Panel = getattr(importlib.import_module(module), name)(controller)
        return panel


_HERE = "layerscope.ui.panels"

PANELS: tuple[PanelSpec, ...] = (
    PanelSpec(
        name="library",
        title="Library",
        area="left",
        factory=f"{_HERE}.library:LibraryPanel",
    ),
    PanelSpec(
        name="input",
        title="Input",
        area="top",
        weight=48,
        factory=f"{_HERE}.input:InputPanel",
    ),
    PanelSpec(
        name="output",
        title="Output",
        area="top",
        weight=52,
        factory=f"{_HERE}.output:OutputPanel",
    ),
    PanelSpec(
        name="network",
        title="Network",
        area="centre",
        joins="activations",
        weight=31,
        factory=f"{_HERE}.network:NetworkPanel",
    ),
    PanelSpec(
        name="activations",
        title="Activations",
        area="centre",
        weight=40,
        factory=f"{_HERE}.activations:ActivationsPanel",
    ),
    PanelSpec(
        name="steps",
        title="Steps",
        tab_of="activations",
        lens="denoising-steps",
        first=True,
        weight=110,
        factory=f"{_HERE}.steps:StepsPanel",
    ),
    PanelSpec(
        name="words",
        title="Words",
        tab_of="activations",
        lens="cross-attention",
        weight=110,
        factory=f"{_HERE}.words:WordsPanel",
    ),
    PanelSpec(
        name="latents",
        title="Latents",
        tab_of="activations",
        lens="latent-map",
        first=True,
        weight=110,
        factory=f"{_HERE}.latents:LatentsPanel",
    ),
    PanelSpec(
        name="attention",
        title="Attention",
        tab_of="activations",
        lens="attention",
        first=True,
        weight=110,
        factory=f"{_HERE}.attention:AttentionPanel",
    ),
    PanelSpec(
        name="logit_lens",
        title="Logit lens",
        tab_of="activations",
        lens="logit-lens",
        weight=80,
        factory=f"{_HERE}.logit_lens:LogitLensPanel",
    ),
    PanelSpec(
        name="next_word",
        title="Next word",
        tab_of="activations",
        lens="sampling",
        weight=80,
        factory=f"{_HERE}.next_word:NextWordPanel",
    ),
    PanelSpec(
        name="recurrent_state",
        title="State",
        tab_of="activations",
        lens="recurrent-state",
        first=True,
        weight=80,
        factory=f"{_HERE}.recurrent_state:RecurrentStatePanel",
    ),
    PanelSpec(
        name="experts",
        title="Experts",
        tab_of="activations",
        lens="experts",
        weight=80,
        factory=f"{_HERE}.experts:ExpertsPanel",
    ),
    PanelSpec(
        name="inspector",
        title="Inspector",
        area="right",
        factory=f"{_HERE}.inspector:InspectorPanel",
    ),
    PanelSpec(
        name="latency",
        title="Latency",
        area="bottom",
        weight=50,
        factory=f"{_HERE}.latency:LatencyPanel",
    ),
    PanelSpec(
        name="stages",
        title="Stages",
        area="bottom",
        weight=30,
        factory=f"{_HERE}.stages:StagesPanel",
    ),
    PanelSpec(
        name="log",
        title="Log",
        area="bottom",
        weight=20,
        factory=f"{_HERE}.log:LogPanel",
    ),
)
