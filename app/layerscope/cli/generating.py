"""``layerscope generate``: a text, token by token, on the engine the window uses."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from layerscope.cli import archives, text
from layerscope.cli.generate_arguments import SAMPLING, GenerateRequest
from layerscope.cli.opening import (
    MODEL_NUMBER,
    OpenedModel,
    open_model,
    running_engine,
)
from layerscope.client.engine_client import EngineClient
from layerscope.core.errors import BadInputError, EngineLostError
from layerscope.library.bundled import find_model
from layerscope.protocol.answers import GeneratedText, Token
from layerscope.protocol.inputs import SettingValue, TypedText
from layerscope.protocol.messages import (
    AskLens,
    LensAnswered,
    Noted,
    Run,
    RunAnswered,
    Stepped,
)

Question = dict[str, SettingValue]
_SETTINGS = ("max_new_tokens", "repetition_penalty", *SAMPLING)


class Generated(msgspec.Struct, kw_only=True):
    """What a run made.

    Attributes
    ----------
    answer : GeneratedText
        The last one.
    tokens : list of Token
        All made ones.
    n_prompt : int
        Tokens of the prompt.
    """

    answer: GeneratedText
    tokens: list[Token]
    n_prompt: int = 0


def generate(request: GenerateRequest) -> None:
    """Let a model go on from a text and print what it makes as it comes.

    Raises
    ------
    LayerscopeError
        If the model makes no text, or the prompt or a file cannot be used.
    """
    archive = request.save_attention
    if archive is not None and not archive.absolute().parent.is_dir():
        raise BadInputError(
            f"'{archive}' cannot be written, since there is no folder "
            f"'{archive.absolute().parent}'; make it first."
        )
    path = find_model(request.model)
    with running_engine() as client:
        opened = open_model(client, path, request.device)
        made = run(client, opened, request)
        layers = []
        if request.logit_lens:
            layers = logit_lens(client, opened, request.logit_lens, made)
        if archive is not None:
            save_attention(client, opened, archive)
    if request.json:
        text.say_json(as_json(opened, made, layers, bool(request.logit_lens)))
        return
    for line in as_lines(opened, made, layers):
        text.say(line)


def run(
    client: EngineClient, opened: OpenedModel, request: GenerateRequest
) -> Generated:
    """Run the model to the end; without ``--json``, print the text as it comes."""
    task = opened.task
    assert task is not None
    if not task.stepped or not any(slot.kind == "text" for slot in task.slots):
        raise BadInputError(
            f"{opened.name} was to generate text, but it is for {task.task}; "
            "use `layerscope run`, or open a language model."
        )
    settings: dict[str, SettingValue] = {
        name: value
        for name in _SETTINGS
        if (value := getattr(request, name)) is not None
    }
    if request.greedy or settings.keys() & set(SAMPLING):
        settings["greedy"] = request.greedy
    command = Run(
        job=client.next_job(),
        model=MODEL_NUMBER,
        inputs={task.slots[0].name: TypedText.of(request.prompt)},
        settings=settings,
    )
    made = Generated(answer=GeneratedText(text=""), tokens=[])
    written, answered = 0, False
    for event in client.call(command):
        answer = getattr(event, "answer", None)
        parts = answer.parts if answer is not None else ()
        part = next((p for p in parts if isinstance(p, GeneratedText)), None)
        if isinstance(event, Noted):
            opened.notes.append(event.text)
        elif isinstance(event, Stepped):
            made.tokens += event.tokens
        answered = answered or isinstance(event, RunAnswered)
        if part is not None:
            made.answer = part
            made.n_prompt = max(made.n_prompt, len(part.prompt))
            if not request.json:
                sys.stdout.write(part.text[written:])
                sys.stdout.flush()
                written = max(written, len(part.text))
    if not answered:
        raise EngineLostError("The engine did not answer the run; try again.")
    if not request.json:
        text.say()
    return made


def logit_lens(
    client: EngineClient, opened: OpenedModel, count: int, made: Generated
) -> list[dict[str, Any]]:
    """Return the likeliest words of each layer where the last token was made."""
    place = -2 if made.tokens else -1
    said = ask(client, opened, "logit-lens", {"position": place, "n": count})
    words, names = said.texts["words"], said.texts["names"]
    chances, ids = said.numbers["probability"], said.numbers["id"]
    count = len(words) // max(len(names), 1)
    return [
        {
            "layer": name,
            "words": [
                {"word": words[at], "id": int(ids[at]), "probability": chances[at]}
                for at in range(row * count, (row + 1) * count)
            ],
        }
        for row, name in enumerate(names)
    ]


def save_attention(client: EngineClient, opened: OpenedModel, path: Any) -> None:
    """Write the weights of every layer, head by head, by the layer's name."""
    overview = ask(client, opened, "attention", {})
    with archives.npz_writer(path) as archive:
        for layer, name in enumerate(overview.texts["names"]):
            heads = []
            for head in range(int(overview.numbers["heads"][layer])):
                said = ask(client, opened, "attention", {"layer": layer, "head": head})
                heads.append(client.arrays_in.get(said.arrays["weights"]).copy())
            archive.write(name.replace("/", "."), _stacked(heads))


def _stacked(heads: list[Any]) -> Any:
    import numpy as np

    return np.stack(heads)


def ask(
    client: EngineClient, opened: OpenedModel, lens: str, question: Question
) -> LensAnswered:
    """Ask a lens about the last run.

    Raises
    ------
    BadInputError
        If the lens does not suit the model.
    """
    assert opened.task is not None
    if lens not in opened.task.lenses:
        there = ", ".join(opened.task.lenses) or "none"
        raise BadInputError(
            f"The lens {lens} was asked for, but {opened.name} has nothing that it "
            f"shows; for this model there are {there}."
        )
    command = AskLens(
        job=client.next_job(), model=MODEL_NUMBER, lens=lens, question=question
    )
    said = None
    for event in client.call(command):
        if isinstance(event, LensAnswered):
            said = event
    if said is None:
        raise EngineLostError(f"The engine did not answer for the lens {lens}.")
    return said


def as_json(
    opened: OpenedModel, made: Generated, layers: list[dict[str, Any]], lens: bool
) -> dict[str, Any]:
    """Return the fields of ``generate --json``."""
    fields: dict[str, Any] = {
        "model": opened.name,
        "text": made.answer.text,
        "token_ids": [token.id for token in made.tokens],
        "probabilities": [token.probability for token in made.tokens],
        "prompt_tokens": made.n_prompt,
        "stopped": made.answer.stopped,
        "tokens_per_second": _known(made.answer.tokens_per_second),
        "first_token_ms": _known(made.answer.first_token_ms),
    }
    if lens:
        fields["logit_lens"] = layers
    if opened.notes:
        fields["notes"] = [text.one_line(note) for note in opened.notes]
    return fields


def as_lines(
    opened: OpenedModel, made: Generated, layers: list[dict[str, Any]]
) -> list[str]:
    """Return what stands below the text: layers, notes, speed."""
    lines = [""]
    if layers:
        rows = [
            (
                layer["layer"],
                *(
                    f"{word['word']!r} {word['probability']:.1%}"
                    for word in layer["words"]
                ),
            )
            for layer in layers
        ]
        lines += [*text.table(rows), ""]
    lines += [f"note: {text.sentence(note)}" for note in opened.notes]
    speed, first = made.answer.tokens_per_second, made.answer.first_token_ms
    parts = [f"{made.n_prompt:,} + {len(made.tokens):,} tokens"]
    if speed > 0:
        parts.append(f"{speed:,.1f} tokens/s")
    parts.append(f"first token after {text.milliseconds(first)}")
    return [*lines, " · ".join(parts)]


def _known(value: float) -> float | None:
    return value if value >= 0 else None
