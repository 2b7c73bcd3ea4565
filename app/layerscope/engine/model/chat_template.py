"""Chat templates: how a folder wants a message to be put before its model reads it."""

from __future__ import annotations

from typing import Any

from layerscope.core.errors import BadInputError
from layerscope.engine.model.cards import Json
from layerscope.engine.model.wording import shown

MOST_CHARACTERS = 100_000


def template_of(config: Json) -> str:
    """Return the template in ``tokenizer_config.json``, empty where there is none.

    Parameters
    ----------
    config : dict
        The file's content; of several named templates, the one called default.
    """
    stated = config.get("chat_template")
    if isinstance(stated, list):
        by_name = {
            item.get("name"): item.get("template")
            for item in stated
            if isinstance(item, dict)
        }
        stated = by_name.get("default")
    fits = isinstance(stated, str) and 0 < len(stated) <= MOST_CHARACTERS
    return str(stated) if fits else ""


def rendered(config: Json, text: str) -> str:
    """Return `text` as the user's message, with what makes the model answer it.

    The template comes from strangers and is run in jinja2's sandbox, which lets it
    reach no attribute of Python's own and nothing of this machine.

    Parameters
    ----------
    config : dict
        ``tokenizer_config.json``, with a template.
    text : str
        The message.

    Raises
    ------
    BadInputError
        The template breaks down.
    """
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(why: object) -> None:
        raise ValueError(str(why))

    names = {
        key: value.get("content") if isinstance(value, dict) else value
        for key, value in config.items()
        if key.endswith("_token")
    }
    environment: Any = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True
    )
    try:
        template = environment.from_string(template_of(config))
        return str(
            template.render(
                **{key: value or "" for key, value in names.items()},
                messages=[{"role": "user", "content": text}],
                add_generation_prompt=True,
                raise_exception=refuse,
            )
        )
    except Exception as error:
        raise BadInputError(
            "The chat template of this folder breaks down "
            f"({shown(' '.join(str(error).split()), 120)}); switch it off under Input."
        ) from error
