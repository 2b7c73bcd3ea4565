"""What the modules that make test models share: one way to put a model together.

IR version and opset are stated, since onnx writes newer ones than onnxruntime reads.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 10
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def build(nodes, inputs, outputs, weights=None, *, opsets=None, functions=()):
    """Return a checked model; `inputs` and `outputs` are (name, type, shape)."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(a, name) for name, a in (weights or {}).items()],
    )
    opsets = {"": OPSET} | (opsets or {})
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(*item) for item in opsets.items()],
        ir_version=IR_VERSION,
        functions=functions,
        producer_name="layerscope-tests",
    )
    onnx.checker.check_model(model)
    return model


def random_weights(*shape, scale=0.3, seed=0):
    values = np.random.default_rng((seed, *shape)).standard_normal(shape)
    return (scale * values).astype(np.float32)
