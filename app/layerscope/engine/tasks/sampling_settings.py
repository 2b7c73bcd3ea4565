"""The settings of sampling: what they are called, and their defaults."""

from __future__ import annotations

from typing import Any

from layerscope.core.sampling import Sampling
from layerscope.engine.tasks.base import Settings
from layerscope.engine.tasks.text_task import real, whole
from layerscope.protocol.values import SettingSpec

GROUP = "Sampling"
MOST_NEW = 1 << 16


def specs(stated: dict[str, Any]) -> tuple[SettingSpec, ...]:
    """List the settings of sampling.

    Parameters
    ----------
    stated : dict
        ``generation_config.json``, or ``search`` of ``genai_config.json``.
    """
    usual = sampling_of(stated)
    greedy = stated.get("do_sample") is False
    if "do_sample" not in stated and "temperature" not in stated:
        usual = Sampling(temperature=0.8, top_k=50)
    return (
        SettingSpec(
            name="max_new_tokens",
            label="New tokens",
            kind="int",
            default=whole(stated, "max_new_tokens", 64, 1, 1024),
            minimum=1,
            maximum=MOST_NEW,
            group=GROUP,
            help="How many tokens are made at most.",
        ),
        SettingSpec(
            name="greedy",
            label="Greedy",
            kind="bool",
            default=greedy,
            group=GROUP,
            help="Always take the likeliest token.",
        ),
        SettingSpec(
            name="temperature",
            label="Temperature",
            kind="float",
            default=usual.temperature,
            minimum=0.0,
            maximum=2.0,
            group=GROUP,
            help="Below 1 the likely becomes likelier, above 1 the odd; 0 is greedy.",
        ),
        SettingSpec(
            name="top_k",
            label="Top-k",
            kind="int",
            default=usual.top_k,
            minimum=0,
            maximum=1000,
            group=GROUP,
            help="Only so many of the likeliest tokens are drawn from; 0 for all.",
        ),
        SettingSpec(
            name="top_p",
            label="Top-p",
            kind="float",
            default=usual.top_p,
            minimum=0.0,
            maximum=1.0,
            group=GROUP,
            help="Only the likeliest tokens that make up this share are drawn from.",
        ),
        SettingSpec(
            name="min_p",
            label="Min-p",
            kind="float",
            default=usual.min_p,
            minimum=0.0,
            maximum=1.0,
            group=GROUP,
            help="Tokens less than this share as likely as the likeliest are left out.",
        ),
        SettingSpec(
            name="repetition_penalty",
            label="Repetition penalty",
            kind="float",
            default=usual.repetition_penalty,
            minimum=1.0,
            maximum=2.0,
            group=GROUP,
            help="Above 1, tokens that are there already become less likely.",
        ),
        SettingSpec(
            name="seed",
            label="Seed",
            kind="int",
            default=0,
            minimum=0,
            maximum=1 << 31,
            group=GROUP,
            help="The same seed draws the same text again.",
        ),
        SettingSpec(
            name="stop_at_end",
            label="Stop at the end",
            kind="bool",
            default=True,
            group=GROUP,
            help="Stop where the model says that the text ends.",
        ),
    )


def sampling_of(settings: Settings | dict[str, Any]) -> Sampling:
    """Return settings as `Sampling`; what is not stated leaves the model's own."""
    return Sampling(
        greedy=settings.get("greedy") is True,
        temperature=max(real(settings, "temperature", 1.0), 0.0),
        top_k=whole(settings, "top_k", 0, 0, 1 << 24),
        top_p=real(settings, "top_p", 1.0),
        min_p=real(settings, "min_p", 0.0),
        repetition_penalty=real(settings, "repetition_penalty", 1.0),
        seed=whole(settings, "seed", 0, -(1 << 62), 1 << 62),
    )
