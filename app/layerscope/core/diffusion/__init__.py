"""Schedulers of diffusion in numpy, one a file; `SCHEDULERS` is the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from layerscope.core.diffusion.base import Scheduler
from layerscope.core.diffusion.ddim import Ddim
from layerscope.core.diffusion.ddpm import Ddpm
from layerscope.core.diffusion.dpm_solver import DpmSolver, DpmSolverKarras
from layerscope.core.diffusion.euler import Euler
from layerscope.core.diffusion.euler_ancestral import EulerAncestral
from layerscope.core.diffusion.flow_euler import FlowEuler
from layerscope.core.diffusion.heun import Heun
from layerscope.core.diffusion.lcm import Lcm
from layerscope.core.errors import BadInputError

SCHEDULERS: tuple[type[Scheduler], ...] = (
    Ddim,
    Ddpm,
    Euler,
    EulerAncestral,
    DpmSolver,
    DpmSolverKarras,
    Heun,
    Lcm,
    FlowEuler,
)
# diffusers' names of the same methods.
CLASSES: Mapping[str, str] = {
    "DDIMScheduler": "ddim",
    "DDPMScheduler": "ddpm",
    "EulerDiscreteScheduler": "euler",
    "EulerAncestralDiscreteScheduler": "euler-ancestral",
    "DPMSolverMultistepScheduler": "dpm++-2m",
    "HeunDiscreteScheduler": "heun",
    "LCMScheduler": "lcm",
    "FlowMatchEulerDiscreteScheduler": "flow-euler",
}
# Methods that are not here, and which one goes the same way from noise to picture.
STAND_INS: Mapping[str, str] = {
    "PNDMScheduler": "ddim",
    "DDIMParallelScheduler": "ddim",
    "DDPMParallelScheduler": "ddpm",
    "LMSDiscreteScheduler": "euler",
    "KDPM2DiscreteScheduler": "heun",
    "KDPM2AncestralDiscreteScheduler": "euler-ancestral",
    "DPMSolverSinglestepScheduler": "dpm++-2m",
    "DEISMultistepScheduler": "dpm++-2m",
    "UniPCMultistepScheduler": "dpm++-2m",
    "FlowMatchHeunDiscreteScheduler": "flow-euler",
}


def scheduler_of(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return the id of a configuration's scheduler, and a note.

    Parameters
    ----------
    config : mapping
        As in ``scheduler_config.json``.

    Returns
    -------
    id, note : str
        The note is one sentence where another method stands in, else empty.

    Raises
    ------
    BadInputError
        It is none that is known.
    """
    name = str(config.get("_class_name", "") or "")
    if name in CLASSES:
        found = CLASSES[name]
        if found == "dpm++-2m" and config.get("use_karras_sigmas"):
            found = "dpm++-2m-karras"
        return found, ""
    if name in STAND_INS:
        return STAND_INS[name], (
            f"The folder asks for {name}, which is not built in; "
            f"{by_id(STAND_INS[name]).title} goes the same way and stands in for it."
        )
    there = ", ".join(kind.id for kind in SCHEDULERS)
    raise BadInputError(
        f"The folder's scheduler is {name[:80] or 'not named'}, which nobody here "
        f"knows; choose one of {there} in the settings."
    )


def by_id(scheduler_id: str) -> type[Scheduler]:
    """Return a scheduler by its id.

    Raises
    ------
    BadInputError
        If there is none.
    """
    for kind in SCHEDULERS:
        if kind.id == scheduler_id:
            return kind
    there = ", ".join(kind.id for kind in SCHEDULERS)
    raise BadInputError(
        f"The scheduler {scheduler_id[:80]!r} was asked for; there are {there}."
    )


def from_config(
    config: Mapping[str, Any],
    n_steps: int,
    scheduler: str = "",
    prediction: str = "",
) -> Scheduler:
    """Return a scheduler ready for one run.

    Parameters
    ----------
    config : mapping
        As in ``scheduler_config.json``.
    n_steps : int
        Of the run.
    scheduler, prediction : str
        Other than the configuration's where not empty.

    Raises
    ------
    BadInputError
        Nobody knows the scheduler, or it cannot take so many steps.
    """
    changed = dict(config)
    if prediction:
        changed["prediction_type"] = prediction
    return by_id(scheduler or scheduler_of(config)[0])(changed, n_steps)
