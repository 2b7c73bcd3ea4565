"""What can be asked of a run afterwards: steps, predictions, attention, variations."""

import json

import numpy as np
import onnx
import pytest
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.protocol.answers import VariationGrid
from layerscope.protocol.inputs import TypedText
from layerscope.protocol.messages import Watch

PROMPT = TypedText.of("a big red digit")
STEPS = 5


@pytest.fixture
def run(stable):
    return stable.run({"prompt": PROMPT}, {"steps": STEPS, "guidance": 3.0})


def shown(run, what, step, **more):
    return run.ask("denoising-steps", what=what, step=step, **more)[0]["picture"]


def test_steps_are_listed_and_the_last_is_the_picture(run):
    _, numbers, texts = run.ask("denoising-steps", what="steps")
    arrays, _, told = run.ask("denoising-steps", what="picture", step=STEPS)

    assert numbers["steps"] == tuple(float(n) for n in range(STEPS + 1))
    assert len(numbers["noise"]) == STEPS + 1
    assert texts["kinds"] == ("picture", "latent", "cond", "uncond", "guided")
    assert texts["prompt"] == ("a big red digit",)
    np.testing.assert_array_equal(arrays["picture"], run.picture())
    assert json.loads(told["metadata"][0])["settings"]["seed"] == 0


def test_predictions_apart_are_consistent(run):
    """The guided clean picture lies beyond the conditional one, seen from the other."""
    kept = run.model.keepsakes.get("denoising", 1)
    making = run.model.task.made.making
    clean = {
        name: making.scheduler.clean(kept[name], 1, kept["latent"])
        for name in ("cond", "uncond")
    }
    guided = making.scheduler.clean(
        making.guided(kept["cond"], kept["uncond"]), 1, kept["latent"]
    )

    beyond = clean["uncond"] + 3.0 * (clean["cond"] - clean["uncond"])
    np.testing.assert_allclose(guided, beyond, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(shown(run, "guided", 1), shown(run, "picture", 1))
    pictures = [
        shown(run, what, 1).astype(int) for what in ("cond", "uncond", "guided")
    ]
    assert np.abs(pictures[0] - pictures[1]).max() > 0
    assert np.abs(pictures[0] - pictures[2]).max() > 0


def test_preview_decoded_at_each_step_is_what_scrubbing_shows(stable):
    stable.run({"prompt": PROMPT}, {"steps": STEPS, "preview": "each step"})
    for step, frame in enumerate(stable.frames[:STEPS]):
        np.testing.assert_array_equal(
            shown(stable, "picture", step), frame.pictures["answer:picture"]
        )


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"what": "picture", "step": 1, "index": 4}, "Picture 5 was asked for"),
        ({"what": "mood", "step": 1}, "'mood' of a step was asked for"),
        ({"what": "cond", "step": 99}, "picture alone"),
        ({"what": "picture", "step": -3}, "Step -2 was asked for"),
        ({"what": "cell", "cell": 2}, "Variation 3 was asked for; 0 are there"),
    ],
)
def test_what_is_not_there_gives_a_sentence(run, question, said):
    with pytest.raises(BadInputError, match=said):
        run.ask("denoising-steps", **question)


def test_questions_before_any_run_give_a_sentence(engine, stable_folder):
    engine.open(stable_folder)
    for lens in ("denoising-steps", "cross-attention"):
        with pytest.raises(BadInputError, match="run the model first"):
            engine.ask(lens)


def test_layers_can_be_looked_at_at_any_step(run):
    shown(run, "picture", 2, look=True)
    feeds = dict(run.model.feeds)
    run.run(look_only=True, watch=Watch(focus="active"))

    assert feeds["timestep"] == [401]  # the third of 801, 601, 401, 201, 1
    assert run.frames[-1].layers["active"].shape[1] == 8


def expected_attention(folder, feeds):
    """Return the attention weights of the graph by raw onnxruntime: (2, 2, 64, 8)."""
    model = onnx.load(folder / "unet" / "model.onnx")
    model.graph.output.append(onnx.ValueInfoProto(name="weights"))
    session = raw_session(model.SerializeToString())
    return session.run(["weights"], feeds)[0]


def test_attention_to_each_word_is_the_networks(run, stable_folder):
    shown(run, "picture", 2, look=True)
    weights = expected_attention(stable_folder, run.model.feeds)
    arrays, numbers, texts = run.ask("cross-attention", step=2)

    wanted = weights[1].mean(axis=0)[:, 1:5].T.reshape(4, 8, 8)
    largest = numbers["largest"][0]
    assert texts["words"] == ("a", "big", "red", "digit")
    assert numbers["sides"] == (8.0,)
    assert arrays["maps"].max() == pytest.approx(1)
    np.testing.assert_allclose(arrays["maps"] * largest, wanted, atol=1e-3)
    np.testing.assert_allclose(numbers["strength"], wanted.mean((1, 2)), atol=1e-3)
    assert arrays["picture"].shape == (16, 16, 3)


def test_attention_of_all_steps_is_their_mean(run):
    single = [
        run.ask("cross-attention", step=step, picture=False) for step in range(STEPS)
    ]
    mean = np.mean([a["maps"] * n["largest"][0] for a, n, _ in single], axis=0)
    arrays, numbers, _ = run.ask("cross-attention", step=-1)

    np.testing.assert_allclose(arrays["maps"] * numbers["largest"][0], mean, atol=1e-5)
    np.testing.assert_array_equal(arrays["picture"], run.picture())


def test_attention_kept_while_running_changes_nothing(stable):
    settings = {"steps": 4, "count": 2}
    plain = stable.run({"prompt": PROMPT}, settings).picture()
    later = [stable.ask("cross-attention", step=3, index=i)[0]["maps"] for i in (0, 1)]
    kept = stable.run({"prompt": PROMPT}, {**settings, "attention": True}).picture()
    assert stable.model.keepsakes.steps("cross-attention") == (0, 1, 2, 3)
    now = [stable.ask("cross-attention", step=3, index=i)[0]["maps"] for i in (0, 1)]

    assert np.abs(plain.astype(int) - kept).max() <= 1
    np.testing.assert_allclose(now, later, atol=2e-3)
    assert np.abs(now[0] - now[1]).max() > 0


def test_attention_without_words_or_of_an_unknown_side_is_told(stable):
    stable.run({}, {"steps": 2})
    with pytest.raises(BadInputError, match="the prompt has none"):
        stable.ask("cross-attention")
    stable.run({"prompt": PROMPT}, {"steps": 2})
    with pytest.raises(BadInputError, match="maps 5 high were asked for; there are 8"):
        stable.ask("cross-attention", side=5)


def test_grid_holds_a_picture_for_each_pair_of_values(stable):
    grid = {
        "steps": 3,
        "sweep_rows": "guidance",
        "sweep_row_values": "1, 8",
        "sweep_columns": "seed",
        "sweep_column_values": "4 5 6",
    }
    stable.run({"prompt": PROMPT}, grid)
    part = next(p for p in stable.answer.parts if isinstance(p, VariationGrid))
    atlas = stable.picture()

    assert part.row_values == ("1.0", "8.0")
    assert part.column_values == ("4", "5", "6")
    assert part.n_done == 6
    assert (part.cell_width, part.cell_height) == (16, 16)
    assert atlas.shape == (32, 48, 3)
    assert len(stable.stepped) == stable.stepped[0].n_steps == 6 * 4
    arrays, _, texts = stable.ask(
        "denoising-steps", what="cell", row=1, column=2, columns=3
    )
    np.testing.assert_array_equal(arrays["picture"], atlas[16:, 32:])
    settings = json.loads(texts["metadata"][0])["settings"]
    assert (settings["guidance"], settings["seed"]) == (8.0, 6)

    single = stable.run({"prompt": PROMPT}, {"steps": 3, "guidance": 8.0, "seed": 6})
    np.testing.assert_array_equal(single.picture(), arrays["picture"])


@pytest.mark.parametrize("name", ["scheduler", "steps", "strength", "blend"])
def test_grid_takes_usual_values_where_none_are_given(stable, name):
    stable.run({"prompt": PROMPT}, {"steps": 2, "sweep_columns": name})
    part = next(p for p in stable.answer.parts if isinstance(p, VariationGrid))

    assert part.rows == ""
    assert part.n_done == len(part.column_values) >= 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sweep_rows": "mood"}, "Variations of 'mood' were asked for"),
        ({"sweep_rows": "seed", "sweep_row_values": "1 x"}, "'x' is none"),
        ({"sweep_rows": "seed", "sweep_columns": "seed"}, "both seed"),
        ({"sweep_rows": "steps", "sweep_row_values": "2 0"}, "Steps was set to 0"),
        (
            {"sweep_rows": "seed", "sweep_row_values": "1 " * 101},
            "101 variations were asked for; 100 are the most",
        ),
    ],
)
def test_grid_that_cannot_be_gives_a_sentence(stable, settings, said):
    with pytest.raises(BadInputError, match=said):
        stable.run({"prompt": PROMPT}, settings)
