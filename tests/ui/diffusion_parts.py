"""A diffusion model and answers of its lenses, as the tests of the window need them."""

import numpy as np
from tests.ui.text_parts import lens_answer, text_slot

from layerscope.core.made_with import MadeWith
from layerscope.protocol.answers import (
    Answer,
    Denoising,
    PictureAnswer,
    VariationGrid,
)
from layerscope.protocol.frames import Frame
from layerscope.protocol.inputs import TypedText
from layerscope.protocol.values import InputSlot, SettingSpec, TensorInfo

LENSES = ("denoising-steps", "cross-attention")
SWEEPS = ("none", "seed", "guidance")
SPECS = (
    SettingSpec(name="seed", label="Seed", kind="int", default=0, group="Sampling"),
    SettingSpec(
        name="steps", label="Steps", kind="int", default=4, minimum=1, maximum=1000
    ),
    SettingSpec(
        name="guidance",
        label="Guidance",
        kind="float",
        default=3.0,
        minimum=0.0,
        maximum=30.0,
    ),
    SettingSpec(
        name="sweep_columns",
        label="Columns",
        kind="choice",
        default="none",
        choices=SWEEPS,
    ),
    SettingSpec(
        name="sweep_rows", label="Rows", kind="choice", default="none", choices=SWEEPS
    ),
)
NOISE = (1.0, 0.8, 0.5, 0.2, 0.0)
WORDS = ("a", "seven")


def made(**settings):
    """Return what a picture says of itself, as JSON."""
    return MadeWith(
        model="Digits",
        sha256="0123456789abcdef",
        path="digits",
        task="diffusion",
        texts_given={"prompt": "a seven"},
        settings={"seed": 0, "steps": 4, "guidance": 3.0, **settings},
    ).json()


def image_slot(name="image"):
    tensor = TensorInfo(name="sample", dtype="float32", shape=(1, 4, 8, 8))
    return InputSlot(name=name, kind="picture", tensor=tensor, optional=True)


def open_diffusion(controller):
    """Let the session look as after a diffusion model was opened."""
    session = controller.session
    session.model, session.model_path, session.model_name = 1, "/models/d", "Digits"
    session.runnable, session.stepped = True, True
    session.task, session.tasks = "diffusion", ("diffusion", "tensors")
    session.slots = (text_slot("prompt", "a text"), image_slot())
    session.inputs = {"prompt": TypedText.of("a seven")}
    session.setting_specs = SPECS
    session.lenses = LENSES


def flat(value, side=8):
    """Return a picture of one grey."""
    return np.full((side, side, 3), value, np.uint8)


def step(controller, at, *, count=1, running=True, grey=10, metadata=""):
    """Let a run come to the step `at`; 4 is its end."""
    session = controller.session
    session.running = running
    columns = 2 if count > 1 else 1
    side = 8 * columns
    part = Denoising(
        step=at,
        n_calls=4,
        noise=NOISE,
        timesteps=(999.0, 749.0, 499.0, 249.0),
        preview="decoded",
        words=WORDS,
        count=count,
        columns=columns,
        seeds=tuple(range(count)),
    )
    picture = PictureAnswer(key="picture", width=side, height=side, metadata=metadata)
    controller.pictures.show(frame(answer__picture=flat(grey, side)))
    session.steps_ms = (*(() if at == 0 else session.steps_ms), 5.0 + at)
    session.n_steps = 5
    session.answer = Answer(parts=(picture, part))
    session.step = at
    session.n_runs += not running


def variations(controller, n_done=4):
    """Let a run have made a grid of two seeds by two guidances."""
    session = controller.session
    atlas = np.zeros((16, 16, 3), np.uint8)
    for cell in range(4):
        row, column = divmod(cell, 2)
        atlas[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = 40 * (cell + 1)
    controller.pictures.show(frame(answer__picture=atlas))
    grid = VariationGrid(
        rows="guidance",
        columns="seed",
        row_values=("1.0", "5.0"),
        column_values=("0", "1"),
        cell_width=8,
        cell_height=8,
        n_done=n_done,
    )
    picture = PictureAnswer(key="picture", width=16, height=16)
    part = Denoising(
        step=4, n_calls=4, noise=NOISE, timesteps=(9.0, 7.0, 5.0, 3.0), cell=n_done - 1
    )
    session.steps_ms = (5.0,) * 16
    session.answer = Answer(parts=(picture, part, grid))
    session.n_runs += 1


def frame(**pictures):
    return Frame(
        sequence=1,
        job=1,
        model=1,
        layers={},
        pictures={key.replace("__", ":"): value for key, value in pictures.items()},
    )


def answer_step(controller, grey=None, number=-1):
    """Answer the newest question about a step; return what was asked."""
    command, done, _ = controller.queries[number]
    question = command.question
    level = 20 * int(question["step"]) if grey is None else grey
    texts = {"what": (question["what"],)}
    if question["step"] == 4:
        texts["metadata"] = (made(seed=question["index"]),)
    done(
        lens_answer(
            "denoising-steps",
            arrays={"picture": flat(level)},
            numbers={"step": (float(question["step"]),)},
            texts=texts,
        )
    )
    return question


def answer_all(controller, most=60):
    """Answer questions about steps until there are none; return what was asked."""
    asked, at = [], 0
    while at < len(controller.queries) and at < most:
        command = controller.queries[at][0]
        if getattr(command, "lens", "") == "denoising-steps":
            if command.question.get("what") == "cell":
                break
            asked.append(answer_step(controller, number=at))
        at += 1
    controller.queries.clear()
    return asked


def attention(controller):
    """Return the answer of the lens for the attention to each word."""
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, :2], maps[1, 2:] = 0.5, 1.0
    return lens_answer(
        "cross-attention",
        arrays={"maps": maps, "picture": flat(90)},
        numbers={"strength": (0.25, 0.5), "sides": (4.0, 8.0), "largest": (1.0,)},
        texts={"words": WORDS},
    )
