from __future__ import annotations

import onnx
import pytest
from onnx import helper
from tests.engine.model import graphs

from layerscope.engine.model import module_names
from layerscope.engine.model.repeated_blocks import MANY, find_blocks, longest_repeat
from layerscope.engine.model.structure import describe


def tree_of(model):
    """Return name, path, type and output of the groups of a model."""
    structure = describe(graphs.opened(model))
    return {group.path: group for group in structure.groups}, structure


def top_cards(structure):
    """Return what the top level shows, in order."""
    cards = []
    for node in structure.nodes:
        if node.graph or node.hidden:
            continue
        group = node.group
        name = node.label or node.op
        while group >= 0:
            name, group = structure.groups[group].name, structure.groups[group].parent
        if name not in cards:
            cards.append(name)
    return cards


def with_scopes(model, scopes, classes):
    for node, names, kinds in zip(model.graph.node, scopes, classes, strict=True):
        for key, value in (
            ("pkg.torch.onnx.name_scopes", repr(names)),
            ("pkg.torch.onnx.class_hierarchy", repr(kinds)),
        ):
            entry = node.metadata_props.add()
            entry.key, entry.value = key, value
    return model


def test_torch_metadata_makes_the_tree():
    scopes = [["", "stem", "relu"]]
    classes = [["Net", "torch.nn.modules.activation.ReLU", "aten.relu"]]
    for block in ("stage.0", "stage.1"):
        for part in ("conv1", "conv2"):
            scopes.append(["", "stage", block, f"{block}.{part}", "call"])
            classes.append(["Net", "Sequential", "nets.Block", "Conv2d", "aten"])
        scopes.append(["", "stage", block, "add"])
        classes.append(["Net", "Sequential", "nets.Block", "aten.add"])
    model = with_scopes(graphs.chain(len(scopes)), scopes, classes)
    groups, structure = tree_of(model)
    assert groups["stage/0"].name == "stage.0"
    assert groups["stage/0"].type_name == "Block"
    assert groups["stage/0"].n_nodes == 3
    assert groups["stage/0"].output == "t3"
    assert groups["stage/0"].kind == "module"
    assert structure.nodes[1].label == "conv1"
    assert top_cards(structure) == ["stem", "stage.0", "stage.1"]


def test_namespace_alone_is_enough():
    model = graphs.chain(4)
    for at, node in enumerate(model.graph.node):
        entry = node.metadata_props.add()
        entry.key = "namespace"
        entry.value = f": Net/part{at // 2}: nets.Part/call{at}: aten.relu.default"
    groups, _ = tree_of(model)
    assert list(groups) == ["part0", "part1"]
    assert groups["part1"].type_name == "Part"


def test_a_folded_normalisation_gives_the_name_back():
    model = graphs.model_of(
        [
            helper.make_node("Conv", ["x", "block.conv1.weight"], ["a"]),
            helper.make_node("Relu", ["a"], ["y"]),
        ],
        weights={"block.conv1.weight": [1, 1, 1, 1]},
    )
    with_scopes(
        model,
        [["", "block", "block.bn1", "call"], ["", "block", "relu"]],
        [["Net", "B", "torch.nn.BatchNorm2d", "aten"], ["Net", "B", "aten"]],
    )
    _, structure = tree_of(model)
    assert structure.nodes[0].label == "conv1"


def test_slashes_make_the_tree():
    names = [
        f"/backbone/layer{layer}/layer{layer}.{block}/conv{conv}/Conv"
        for layer in (1, 2)
        for block in (0, 1)
        for conv in (1, 2)
    ]
    _, structure = tree_of(graphs.chain(9, names=[*names, "/head/Gemm"]))
    assert top_cards(structure) == [
        "layer1.0",
        "layer1.1",
        "layer2.0",
        "layer2.1",
        "head",
    ]
    conv = structure.nodes[0]
    assert conv.label == "conv1"
    assert structure.groups[conv.group].path.endswith("layer1/0")


def test_weight_names_make_the_tree_and_others_join():
    nodes, weights, x = [], {}, "x"
    for at in range(10):
        name = f"blocks.{at}.fc.weight"
        weights[name] = [4, 4]
        nodes += [
            helper.make_node("MatMul", [x, name], [f"m{at}"]),
            helper.make_node("Relu", [f"m{at}"], [f"r{at}"]),
        ]
        x = f"r{at}"
    nodes.append(helper.make_node("Neg", [x], ["y"]))
    groups, structure = tree_of(graphs.model_of(nodes, weights=weights))
    assert structure.nodes[0].label == "fc"
    assert structure.nodes[1].group == structure.nodes[0].group
    assert groups["blocks/1"].twin_of == groups["blocks/0"].index


def test_a_shared_weight_is_no_name():
    nodes = [
        helper.make_node("Add", ["x", "h.0.bias"], ["a"]),
        helper.make_node("MatMul", ["a", "h.0.fc.weight"], ["b"]),
        helper.make_node("Add", ["b", "h.0.bias"], ["c"]),
        helper.make_node("MatMul", ["c", "h.1.fc.weight"], ["d"]),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    weights = {"h.0.bias": [4], "h.0.fc.weight": [4, 4], "h.1.fc.weight": [4, 4]}
    groups, structure = tree_of(graphs.model_of(nodes, weights=weights))
    assert structure.nodes[3].group == groups["h/1"].index
    assert structure.nodes[4].group == groups["h/1"].index


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/layer1/layer1.0/conv1/Conv", ("layer1", "0", "conv1")),
        ("MobilenetV2/expand/Relu6", ("MobilenetV2", "expand")),
        ("/Add", ()),
        ("Conv_12", None),
    ],
)
def test_from_slashes(name, path):
    assert module_names.from_slashes(name) == path


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["layer1.0.conv1.weight"], ("layer1", "0", "conv1")),
        (["onnx::Conv_12", "fc.bias"], ("fc",)),
        (["180"], None),
        (["quant_weight.11"], None),
    ],
)
def test_from_weights(names, path):
    assert module_names.from_weights(names) == path


@pytest.mark.parametrize("text", ["[", "__import__('os')", "[" * 5000, "'x'"])
def test_hostile_metadata_is_no_module(text):
    node = helper.make_node("Relu", ["x"], ["y"])
    entry = node.metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.name_scopes", text
    assert module_names.from_metadata(node) is None


def test_residual_blocks_are_found_without_names():
    groups, structure = tree_of(graphs.residual_network(6))
    blocks = [group for group in groups.values() if group.parent < 0]
    assert [block.n_nodes for block in blocks] == [5] * 6
    assert {block.kind for block in blocks} == {"block"}
    assert {block.twin_of for block in blocks} == {blocks[0].index}
    assert blocks[0].output == "x0"
    assert len(top_cards(structure)) == 6


def test_many_blocks_never_make_more_cards_than_can_be_read():
    _, structure = tree_of(graphs.residual_network(300))
    assert len(top_cards(structure)) <= MANY
    sizes = {}
    for node in structure.nodes:
        sizes[node.group] = sizes.get(node.group, 0) + 1
    assert max(sizes.values()) <= MANY


def test_repetition_of_a_period():
    assert longest_repeat([9, *[1, 2, 3] * 5, 8]) == (1, 3, 5)
    assert longest_repeat([1, 2, 3, 4]) is None


def test_blocks_keep_every_item_once_and_in_order():
    tokens = [at % 7 for at in range(500)]
    edges = [(at, at + 1) for at in range(499)] + [
        (at, at + 5) for at in range(0, 490, 7)
    ]
    found = find_blocks(tokens, [token == 0 for token in tokens], edges)

    def flat(entries):
        for entry in entries:
            if isinstance(entry, list):
                yield from flat(entry)
            else:
                yield entry

    assert list(flat(found)) == list(range(500))
    assert len(found) <= MANY


def test_paths_are_unique():
    for model in (graphs.residual_network(40), graphs.chain(400)):
        structure = describe(graphs.opened(model))
        paths = [group.path for group in structure.groups]
        assert len(paths) == len(set(paths))
        assert all(group.name for group in structure.groups)


def test_squeezenet_shows_its_fire_modules(corpus):
    model = onnx.load(corpus / "onnx/squeezenet-fp16/SqueezeNet_fp16.onnx")
    structure = describe(graphs.opened(model))
    fires = [f"fire{number}" for number in range(2, 10)]
    assert top_cards(structure) == ["conv1", *fires, "conv10"]
    # The maps that a layer makes stand for it, not what pooling leaves of them.
    outputs = {group.name: group.output for group in structure.groups}
    assert outputs["fire3"] == "fire3/concat_1"
    assert outputs["conv10"] == "conv10_2"


def test_a_transformer_shows_its_layers(corpus):
    model = onnx.load(
        corpus / "onnx/genai-tiny-gpt2-fp32/past.onnx", load_external_data=False
    )
    cards = top_cards(describe(graphs.opened(model)))
    assert [card for card in cards if card.startswith("h.")] == [
        f"h.{layer}" for layer in range(5)
    ]
