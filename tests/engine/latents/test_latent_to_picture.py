"""Generators, decoders and pairs: what is asked of their latents."""

import json

import numpy as np
import onnx
import pytest
from PIL import Image
from tests import diffusion_models
from tests.diffusion_models import node
from tests.model_building import FLOAT, INT64, build, random_weights
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.core.made_with import MOST_VALUES, MadeWith, array_of
from layerscope.protocol.inputs import ConstantTensor, RandomTensor, TensorArray
from layerscope.protocol.messages import Watch

SIZE, SIDE = 3, 8


def generator(last="Sigmoid", label=False):
    """Return a network from a vector to a picture: one layer and its activation."""
    weights = {
        "weight": random_weights(SIZE, SIDE * SIDE, scale=1.0),
        "shape": np.array([-1, 1, SIDE, SIDE], dtype=np.int64),
    }
    inputs = [("latent", FLOAT, ["batch", SIZE])]
    nodes = [node("MatMul", ["latent", "weight"], ["flat"])]
    if label:
        inputs.append(("label", INT64, ["batch"]))
        weights["table"] = random_weights(4, SIDE * SIDE, scale=2.0, seed=5)
        nodes += [
            node("Gather", ["table", "label"], ["by_label"]),
            node("Add", ["flat", "by_label"], ["flat_label"]),
        ]
    source = "flat_label" if label else "flat"
    nodes += [
        node("Reshape", [source, "shape"], ["map"]),
        node(last, ["map"], ["picture"]),
    ]
    return build(nodes, inputs, [("picture", FLOAT, ["batch", 1, SIDE, SIDE])], weights)


def pair(folder):
    """Write a decoder of two numbers and the encoder that undoes it."""
    rows = np.zeros((2, SIDE * SIDE), dtype=np.float32)
    rows[0, : SIDE * SIDE // 2] = rows[1, SIDE * SIDE // 2 :] = 0.5
    shape = np.array([-1, 1, SIDE, SIDE], dtype=np.int64)
    picture = ("picture", FLOAT, ["batch", 1, SIDE, SIDE])
    latent = ("latent", FLOAT, ["batch", 2])
    decoder = build(
        [
            node("MatMul", ["latent", "rows"], ["flat"]),
            node("Add", ["flat", "half"], ["bright"]),
            node("Clip", ["bright", "zero", "one"], ["cut"]),
            node("Reshape", ["cut", "shape"], ["picture"]),
        ],
        [latent],
        [picture],
        {
            "rows": rows,
            "shape": shape,
            "half": np.float32(0.5),
            "zero": np.float32(0),
            "one": np.float32(1),
        },
    )
    encoder = build(
        [
            node("Flatten", ["picture"], ["flat"]),
            node("Sub", ["flat", "half"], ["dark"]),
            node("MatMul", ["dark", "columns"], ["latent"]),
            node("Mul", ["latent", "zero"], ["log_variance"]),
        ],
        [picture],
        [latent, ("log_variance", FLOAT, ["batch", 2])],
        {
            "columns": rows.T / (rows**2).sum(axis=1),
            "half": np.float32(0.5),
            "zero": np.float32(0),
        },
    )
    for name, model in (("decoder", decoder), ("encoder", encoder)):
        (folder / name).mkdir(parents=True)
        onnx.save(model, folder / name / "model.onnx")
    means = {"latent_class_means": [[1, 0], [0, 1], [-1, 0.5]], "model_type": "vae"}
    names = {"id2label": {"0": "zero", "1": "one", "2": "two"}}
    (folder / "config.json").write_text(json.dumps(means | names))
    return folder


@pytest.fixture
def gan(engine, tmp_path):
    onnx.save(generator(), tmp_path / "gan.onnx")
    return engine.open(tmp_path / "gan.onnx")


@pytest.fixture
def vae(engine, tmp_path):
    return engine.open(pair(tmp_path / "vae"))


def raw(engine, **feeds):
    session = raw_session(str(engine.model.file.path))
    return session.run(None, feeds)[0]


def test_picture_of_a_latent_is_the_networks(gan):
    latent = np.float32([[0.5, -1, 2]])
    source = TensorArray(array=gan.arena.put(latent))
    gan.run({"latent": source}, watch=Watch(focus="map"))

    wanted = np.rint(raw(gan, latent=latent)[0, 0] * 255)
    picture = gan.picture()
    assert picture.shape == (SIDE, SIDE, 3)
    np.testing.assert_allclose(picture[..., 1], wanted, atol=1)
    assert "map" in gan.frames[-1].layers  # as for any task, layers are shown too
    assert gan.answer.parts[0].width == SIDE


def test_answer_carries_the_unscaled_latent(gan):
    latent = np.float32([[0.5, -1, 2]])
    source = TensorArray(array=gan.arena.put(latent))
    gan.run({"latent": source}, {"scale": 0.5})

    made = MadeWith.from_json(gan.answer.parts[0].metadata)
    assert made.task == "latent-to-picture"
    assert made.settings["scale"] == 0.5
    np.testing.assert_array_equal(array_of(made.arrays["latent"]), latent)
    gan.run({"latent": RandomTensor(seed=1, shape=(MOST_VALUES // SIZE + 1, SIZE))})
    assert gan.answer.parts[0].metadata == ""


def test_task_and_lens_are_told(gan):
    told = next(e for e in gan.opened if type(e).__name__ == "TaskExplained")

    assert told.task == "latent-to-picture"
    assert not told.stepped
    assert "latent-map" in told.lenses
    assert told.slots[0].tensor.shape == ("batch", SIZE)
    assert {"scale", "output_range"} <= {setting.name for setting in told.settings}


def test_scale_multiplies_the_latent(gan):
    latent = np.float32([[1, 1, -1]])
    source = TensorArray(array=gan.arena.put(latent))
    gan.run({"latent": source}, {"scale": 0.5})

    wanted = np.rint(raw(gan, latent=latent * 0.5)[0, 0] * 255)
    np.testing.assert_allclose(gan.picture()[..., 0], wanted, atol=1)
    with pytest.raises(BadInputError, match="scale was set to big"):
        gan.run({"latent": source}, {"scale": "big"})


def test_several_latents_make_one_mosaic(gan):
    gan.run({"latent": RandomTensor(seed=1, shape=(3, SIZE))})
    singles = gan.ask("latent-map", what="last")[0]["pictures"]

    assert gan.picture().shape == (2 * SIDE, 2 * SIDE, 3)
    assert singles.shape == (3, SIDE, SIDE, 3)
    np.testing.assert_array_equal(gan.picture()[:SIDE, SIDE:], singles[1])


@pytest.mark.parametrize(
    ("last", "range_"), [("Tanh", "-1..1"), ("Sigmoid", "0..1"), ("Identity", "-1..1")]
)
def test_range_is_told_by_the_end_of_the_graph_or_by_values(
    engine, tmp_path, last, range_
):
    onnx.save(generator(last), tmp_path / "gan.onnx")
    engine.open(tmp_path / "gan.onnx").run({"latent": RandomTensor(seed=0)})

    assert engine.model.task.decoder.value_range == range_


def test_decoder_of_a_pipeline_takes_latents_of_deviation_one(engine, tmp_path):
    folder = tmp_path / "vae_decoder"
    folder.mkdir()
    onnx.save(diffusion_models.decoder(), folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"scaling_factor": 0.5}))
    engine.open(folder)
    latent = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    engine.run({"latent_sample": TensorArray(array=engine.arena.put(latent))})

    wanted = raw(engine, latent_sample=latent * 2)[0].transpose(1, 2, 0)
    np.testing.assert_allclose(engine.picture(), wanted * 127.5 + 127.5, atol=1)


def test_grid_walks_two_dimensions(gan):
    arrays, numbers, _ = gan.ask(
        "latent-map", what="grid", side=3, reach=2.0, x=2, y=0, latent="9 0.5 9"
    )

    assert numbers["x_values"] == (-2.0, 0.0, 2.0)
    assert numbers["y_values"] == (2.0, 0.0, -2.0)
    corner = np.float32([[2, 0.5, -2]])  # the first picture: highest y, lowest x
    wanted = np.rint(raw(gan, latent=corner)[0, 0] * 255)
    np.testing.assert_allclose(arrays["atlas"][:SIDE, :SIDE, 0], wanted, atol=1)


def test_way_between_two_latents_keeps_their_length(gan):
    arrays, _, _ = gan.ask(
        "latent-map", what="between", start="seed:1", end="seed:2", n=5
    )
    start = np.random.default_rng(1).standard_normal((1, SIZE), dtype=np.float32)
    end = np.random.default_rng(2).standard_normal((1, SIZE), dtype=np.float32)
    straight = gan.ask(
        "latent-map", what="between", start="seed:1", end="seed:2", n=3, sphere=False
    )[0]

    np.testing.assert_allclose(
        arrays["latents"][[0, -1]], [start[0], end[0]], atol=1e-6
    )
    assert arrays["pictures"].shape == (5, SIDE, SIDE, 3)
    np.testing.assert_allclose(straight["latents"][1], (start + end)[0] / 2, atol=1e-6)
    gan.run({"latent": RandomTensor(seed=1)})
    np.testing.assert_array_equal(arrays["pictures"][0], gan.picture())


def test_label_of_a_conditional_generator_is_taken_along(engine, tmp_path):
    onnx.save(generator(label=True), tmp_path / "gan.onnx")
    engine.open(tmp_path / "gan.onnx")
    engine.run({"latent": RandomTensor(seed=1), "label": ConstantTensor(value=2)})
    followed = engine.ask("latent-map", what="decode", latent="seed:1")[0]["picture"]
    other = engine.ask("latent-map", what="decode", latent="seed:1", label=3)[0]

    assert engine.ask("latent-map", what="facts")[2]["other"] == ("label",)
    np.testing.assert_array_equal(followed, engine.picture())
    assert np.abs(followed.astype(int) - other["picture"]).max() > 5


@pytest.fixture
def half_dark(tmp_path):
    """A picture whose upper half is 0.75 bright and whose lower half 0.25."""
    pixels = np.full((SIDE, SIDE), 191, dtype=np.uint8)
    pixels[SIDE // 2 :] = 64
    path = tmp_path / "half.png"
    Image.fromarray(pixels).save(path)
    return path


def test_picture_is_encoded_and_comes_back(vae, half_dark):
    arrays, numbers, _ = vae.ask("latent-map", what="encode", path=str(half_dark))

    assert vae.ask("latent-map", what="facts")[2]["encoder"] == ("yes",)
    np.testing.assert_allclose(arrays["latent"], [0.5, -0.5], atol=0.01)
    np.testing.assert_allclose(arrays["picture"], arrays["reconstruction"], atol=2)
    assert numbers["score"][0] < 1e-4
    np.testing.assert_allclose(numbers["placed"], arrays["latent"], atol=1e-6)


def test_error_shows_where_it_does_not(vae, tmp_path):
    pixels = np.full((SIDE, SIDE), 128, dtype=np.uint8)
    pixels[2, 5] = 255
    Image.fromarray(pixels).save(tmp_path / "spot.png")
    arrays, numbers, _ = vae.ask(
        "latent-map", what="encode", path=str(tmp_path / "spot.png")
    )

    assert np.unravel_index(arrays["error"].argmax(), (SIDE, SIDE)) == (2, 5)
    assert numbers["score"][0] > 1e-3


def test_class_means_of_the_folder_are_the_samples(vae):
    arrays, numbers, texts = vae.ask("latent-map", what="samples")

    assert texts["labels"] == ("zero", "one", "two")
    np.testing.assert_array_equal(arrays["raw"], [[1, 0], [0, 1], [-1, 0.5]])
    assert numbers["kept"] == (1.0,)
    back = arrays["points"] @ arrays["directions"] + arrays["middle"]
    np.testing.assert_allclose(back, arrays["raw"], atol=1e-5)
    atlas = vae.ask("latent-map", what="grid", side=3, reach=1.0, directions=True)
    assert atlas[0]["atlas"].shape == (3 * SIDE, 3 * SIDE, 3)


def test_pictures_beside_the_model_go_before_its_means(vae, tmp_path):
    samples = tmp_path / "vae" / "samples"
    samples.mkdir()
    (samples / "of.txt").write_text("no picture")
    assert vae.ask("latent-map", what="samples")[2]["labels"][0] == "zero"
    for at, bright in enumerate((40, 90, 220)):
        pixels = np.full((SIDE, SIDE), bright, dtype=np.uint8)
        Image.fromarray(pixels).save(samples / f"{at % 2}-{at}.png")
    arrays, _, texts = vae.ask("latent-map", what="samples")

    assert texts["labels"] == ("0", "0", "1")
    assert len(texts["paths"]) == 3
    assert arrays["scores"].shape == (3,)


def test_folder_of_pictures_gives_points_and_scores(vae, tmp_path, half_dark):
    for label, bright in (("dark", 40), ("light", 220)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for at in range(3):
            pixels = np.full((SIDE, SIDE), bright + at, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"{at}.png")
    folder = str(tmp_path / "set")
    arrays, _, texts = vae.ask("latent-map", what="samples", folder=folder)
    numbers = vae.ask("latent-map", what="encode", path=str(half_dark))[1]

    assert texts["labels"] == ("dark",) * 3 + ("light",) * 3
    assert len(texts["paths"]) == 6
    assert arrays["points"].shape == (6, 2)
    assert arrays["scores"].shape == (6,)
    assert arrays["raw"][:3].max() < 0 < arrays["raw"][3:].min()
    assert 0 <= numbers["above"][0] <= 1


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"what": "mood"}, "'mood' was asked of the latents"),
        ({"what": "decode", "latent": "1 2"}, "A latent of 2 numbers was given"),
        ({"what": "decode", "latent": "1 2 x"}, "something that is no number"),
        ({"what": "decode", "latent": "1 2 nan"}, "finite"),
        ({"what": "grid", "side": 99}, "99 x 99 pictures"),
        ({"what": "grid", "reach": 0.0}, "up to 100"),
        ({"what": "grid", "x": 7}, "Dimension 7 of the latent"),
        ({"what": "grid", "directions": True}, "no samples yet"),
        ({"what": "between", "n": 1}, "2 to 256"),
        ({"what": "encode", "path": "x.png"}, "x.png"),
        ({"what": "samples"}, "no folder 'samples'"),
        ({"what": "last"}, "run the model first"),
    ],
    ids=lambda value: (
        "-".join(map(str, value.values())) if isinstance(value, dict) else ""
    ),
)
def test_what_cannot_be_gives_a_sentence(gan, question, said):
    with pytest.raises(BadInputError, match=said):
        gan.ask("latent-map", **question)


def test_decoder_without_an_encoder_says_so(gan, half_dark):
    assert gan.ask("latent-map", what="facts")[2]["encoder"] == ("no",)
    with pytest.raises(BadInputError, match="no encoder beside this decoder"):
        gan.ask("latent-map", what="encode", path=str(half_dark))
