import json

import numpy as np
import onnx
import pytest
from tests.model_building import FLOAT, INT64, build, random_weights
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import TokenIds

node = onnx.helper.make_node
IDS = (1, 2, 3, 2)


def routed(*, named):
    """Return two layers that choose 2 of 4 experts for each token.

    Parameters
    ----------
    named : bool
        Whether their probabilities have names that say so; else TopK tells.
    """
    nodes, outputs, arrays = [node("Gather", ["table", "input_ids"], ["x"])], [], {}
    arrays["table"] = random_weights(9, 6, scale=1.0)
    arrays["k"] = np.array([2])
    for layer in range(2):
        arrays[f"gate{layer}"] = random_weights(6, 4, scale=2.0, seed=layer)
        name = f"router_probabilities.{layer}" if named else f"shares_{layer}"
        nodes += [
            node("MatMul", ["x", f"gate{layer}"], [f"scores_{layer}"]),
            node("Softmax", [f"scores_{layer}"], [name], axis=-1),
            node("TopK", [name, "k"], [f"best_{layer}", f"which_{layer}"]),
        ]
        outputs.append((f"best_{layer}", FLOAT, [1, "n", 2]))
    return build(nodes, [("input_ids", INT64, [1, "n"])], outputs, arrays)


@pytest.mark.parametrize("named", [True, False])
def test_each_token_has_its_experts_and_each_expert_its_load(tmp_path, kept, named):
    onnx.save(routed(named=named), tmp_path / "model.onnx")
    (tmp_path / "config.json").write_text(json.dumps({"num_experts_per_tok": 2}))
    kept.open(tmp_path).run({"text": TokenIds(ids=IDS)})
    arrays, _, texts = kept.ask("experts")
    model = onnx.load(tmp_path / "model.onnx")
    del model.graph.output[:]
    names = ["router_probabilities.0" if named else "shares_0", "which_1"]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = raw_session(model.SerializeToString())
    shares, chosen = session.run(None, {"input_ids": np.array([IDS])})
    np.testing.assert_allclose(arrays["probability"][0], shares[0], atol=1e-6)
    assert arrays["chosen"][1].tolist() == chosen[0].tolist()
    load = np.bincount(chosen.ravel(), minlength=4) / len(IDS)
    np.testing.assert_allclose(arrays["load"][1], load)
    assert texts["tokens"] == ("1", "2", "3", "2")
    assert len(texts["names"]) == 2


def test_a_model_without_routers_has_no_experts(decoder_folders, kept):
    kept.open(decoder_folders()).run({"text": TokenIds(ids=IDS)})
    with pytest.raises(BadInputError, match="routes nothing"):
        kept.ask("experts")
