"""A picture for every kind of network, drawn from its ONNX file alone."""

import io
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from training import thumbnail_classical, thumbnail_drawings, thumbnails
from training.thumbnail_pixels import as_picture, coloured, fitted, squared, tiled


def graph_of(name, tiny_models):
    return onnx.load(tiny_models / f"{name}.onnx")


@pytest.mark.parametrize("name", ["conv", "mlp", "attention", "trees", "qdq"])
def test_networks_of_every_kind_get_a_small_picture(tiny_models, tmp_path, name):
    shutil.copy(tiny_models / f"{name}.onnx", tmp_path / "model.onnx")
    picture = thumbnails.draw(tmp_path)
    assert picture.size == (thumbnails.SIDE, thumbnails.SIDE)
    data = thumbnails.encoded(picture)
    assert len(data) <= thumbnails.MAX_BYTES
    with Image.open(io.BytesIO(data)) as read:
        assert len(set(read.convert("RGB").get_flattened_data())) > 1


def test_a_tree_is_drawn_as_a_tree_and_nothing_else_is(tiny_models, tmp_path):
    assert thumbnail_classical.tree(tmp_path, graph_of("trees", tiny_models)).ndim == 3
    assert thumbnail_classical.tree(tmp_path, graph_of("mlp", tiny_models)) is None


def test_a_drawing_that_fails_gives_way_to_the_next(
    tiny_models, tmp_path, monkeypatch, capsys
):
    def broken(folder, graph):
        raise ValueError("no such axis")

    shutil.copy(tiny_models / "mlp.onnx", tmp_path / "model.onnx")
    monkeypatch.setattr(thumbnails, "DRAWINGS", (broken, thumbnail_drawings.weights))
    assert thumbnails.draw(tmp_path).size == (thumbnails.SIDE, thumbnails.SIDE)
    assert "no such axis" in capsys.readouterr().err


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no ONNX file"):
        thumbnail_drawings.main_graph(tmp_path)


def test_the_u_net_says_most_about_a_diffusion_model(tmp_path):
    for part in ("text_encoder", "unet", "vae_decoder"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.onnx").touch()
    assert thumbnail_drawings.main_graph(tmp_path).parent.name == "unet"


def decoder(latent):
    """Return a graph that turns (n, latent) numbers into 4 x 4 pictures."""
    weight = np.eye(latent, 16, dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    kept = [
        numpy_helper.from_array(weight, "w"),
        numpy_helper.from_array(np.array([-1, 1, 4, 4]), "shape"),
    ]
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", latent])
    out = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 1, 4, 4])
    graph = helper.make_graph(nodes, "decoder", [z], [out], initializer=kept)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )


def test_two_latents_are_a_plane_and_more_are_four_samples(tmp_path):
    plane, noise = decoder(2), decoder(8)
    drawings = thumbnail_drawings
    assert drawings.plane_of_latents(tmp_path, plane).shape == (24, 24, 3)
    assert drawings.pictures_from_noise(tmp_path, plane) is None
    assert drawings.pictures_from_noise(tmp_path, noise).shape == (9, 9, 3)
    assert drawings.plane_of_latents(tmp_path, noise) is None


# --- pixels -------------------------------------------------------------------------


def test_numbers_become_viridis_from_least_to_most():
    pixels = coloured(np.array([[0.0, 1.0], [0.5, np.nan]]))
    assert pixels.shape == (2, 2, 3)
    assert tuple(pixels[0, 1]) == (253, 231, 37) or pixels[0, 1, 0] > 200
    assert (coloured(np.ones((3, 3))) == coloured(np.ones((3, 3)))[0, 0]).all()


def test_tiles_stand_in_rows_with_a_gap():
    tiles = [np.full((2, 2, 3), n, np.uint8) for n in (10, 20, 30)]
    wall = tiled(tiles, 2, gap=1)
    assert wall.shape == (5, 5, 3)
    assert (wall[0, 0, 0], wall[0, 3, 0], wall[3, 0, 0]) == (10, 20, 30)


def test_pictures_of_either_range_become_pixels():
    assert as_picture(np.array([[[-1.0, 1.0]]])).tolist() == [[[0] * 3, [255] * 3]]
    assert as_picture(np.array([[[0.0, 1.0]]])).tolist() == [[[0] * 3, [255] * 3]]


def test_a_picture_is_cut_to_its_middle_and_made_square():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 255
    assert np.asarray(fitted(pixels, 16)).min() == 255
    assert squared(np.arange(8.0).reshape(2, 4)).shape == (4, 4)
