from onnx import helper

from layerscope.engine.model.fusion import FusionMap

node = helper.make_node


def original():
    return [
        node("Conv", ["x", "w1"], ["c1"]),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"]),
        node("Add", ["c2", "r1"], ["sum"]),
        node("Relu", ["sum"], ["r2"]),
        node("Identity", ["r2"], ["same"]),
        node("GlobalAveragePool", ["same"], ["y"]),
    ]


def extended():
    return [
        node("FusedConv", ["x", "w1"], ["r1"], name="@0@"),
        node("Conv", ["r1", "w2"], ["c2"], name="@2@"),
        node("Add", ["c2", "r1"], ["sum"], name="@3@"),
        node("Relu", ["sum"], ["r2"], name="@4@"),
        node("GlobalAveragePool", ["r2"], ["y"], name="@6@"),
    ]


def nchwc(inputs, output, name):
    return node("Conv", inputs, [output], name=name, domain="com.microsoft.nchwc")


def final():
    return [
        nchwc(["x", "w"], "reorder0", "r1_nchwc"),
        nchwc(["reorder0", "v", "", "reorder0"], "reorder1", "c2_nchwc"),
        node("ReorderOutput", ["reorder1"], ["r2"], name="reorder"),
        node("GlobalAveragePool", ["r2"], ["y"], name="@6@"),
    ]


def test_groups_of_the_fused_graph():
    fusion = FusionMap(original(), extended(), extended())

    assert [g.members for g in fusion.groups] == [[0, 1], [2], [3], [4], [5, 6]]
    assert fusion.surviving == {"r1", "c2", "sum", "r2", "y"}


def test_the_choice_of_layouts_fuses_further():
    fusion = FusionMap(original(), extended(), final())

    assert [g.members for g in fusion.groups] == [[0, 1], [2, 3, 4], [5, 6]]
    assert fusion.surviving == {"r1", "r2", "y"}
    assert fusion.group_named("c2_nchwc").outputs == ["r2"]


def test_what_vanished_is_represented_by_its_group():
    fusion = FusionMap(original(), extended(), final())

    assert fusion.stands_for("c1") == "r1"
    assert fusion.stands_for("c2") == "r2"
    assert fusion.stands_for("same") == "r2"
    assert fusion.stands_for("r1") == "r1"


def test_a_tensor_of_nobody_has_no_stand_in():
    assert FusionMap(original(), extended(), final()).stands_for("nowhere") == ""


def test_an_activation_that_took_its_convolution_in_afterwards():
    extended_half = [
        node("Conv", ["x", "w1"], ["InsertedPrecisionFreeCast_c1"], name="@0@"),
        node(
            "Relu",
            ["InsertedPrecisionFreeCast_c1"],
            ["InsertedPrecisionFreeCast_r1"],
            name="@1@",
        ),
    ]
    final_half = [
        nchwc(["x", "w"], "reorder", "InsertedPrecisionFreeCast_r1_nchwc"),
    ]

    fusion = FusionMap(original()[:2], extended_half, final_half)

    assert [(g.members, g.outputs) for g in fusion.groups] == [([0, 1], ["r1"])]


def test_a_node_without_own_names_is_found_by_its_mark():
    fused = [node("Gelu", ["x"], ["made up"], name="fused @1@")]

    (group,) = FusionMap(original(), fused, []).groups

    assert group.members == [1]
