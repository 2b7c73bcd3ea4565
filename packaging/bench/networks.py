"""The networks that are measured, built here with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IR_VERSION = 10
OPSET = 18
R18_INPUT = "input"
GPT_LAYERS, GPT_WIDTH, GPT_HEADS, GPT_WORDS, GPT_CONTEXT = 12, 768, 12, 50257, 1024
GPT_INPUT = "input_ids"


def resnet18(path: Path) -> Path:
    """Export a ResNet-18 for 224² pictures with torch; return its path."""
    if path.exists():
        return path
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inside: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.relu = nn.ReLU()
            self.down: nn.Module = nn.Identity()
            if stride != 1 or inside != out:
                shortcut = nn.Conv2d(inside, out, 1, stride, bias=False)
                self.down = nn.Sequential(shortcut, nn.BatchNorm2d(out))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.down(x))

    def stage(inside: int, out: int, stride: int) -> nn.Module:
        return nn.Sequential(Block(inside, out, stride), Block(out, out, 1))

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ),
        stage(64, 64, 1),
        stage(64, 128, 2),
        stage(128, 256, 2),
        stage(256, 512, 2),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)),
    ).eval()
    temporary = path.with_suffix(".part.onnx")
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, 224, 224),),
        temporary,
        dynamo=True,
        opset_version=OPSET,
        input_names=[R18_INPUT],
        output_names=["scores"],
        external_data=False,
        verbose=False,
    )
    temporary.rename(path)
    return path


def gpt(path: Path) -> Path:
    """Write a GPT of 12 layers and width 768, 652 MB beside the graph."""
    if path.exists():
        return path
    writer = _GptWriter(path)
    writer.write()
    return path


class _GptWriter:
    """Writes weights straight to the data file and keeps only their places."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = path.with_name(path.name + ".data")
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)
        self._offset = 0

    def write(self) -> None:
        width, heads = GPT_WIDTH, GPT_HEADS
        with open(self._data, "wb") as self._file:
            self._weight("wte", (GPT_WORDS, width))
            self._weight("wpe", (GPT_CONTEXT, width))
            self._add("Gather", ["wte", GPT_INPUT], "tokens")
            self._add("Shape", [GPT_INPUT], "length", start=1)
            self._constant("zero", np.array([0], np.int64))
            self._add("Slice", ["wpe", "zero", "length"], "positions")
            self._add("Add", ["tokens", "positions"], "h0")
            self._constant("split", np.array([0, 0, heads, -1], np.int64))
            self._constant("merge", np.array([0, 0, width], np.int64))
            self._constant("scale", np.array((width / heads) ** -0.5, np.float32))
            mask = np.triu(np.full((GPT_CONTEXT, GPT_CONTEXT), -1e9, np.float32), 1)
            self._place("mask", mask)
            self._constant("axes", np.array([0, 1], np.int64))
            self._constant("zeros", np.array([0, 0], np.int64))
            self._add("Concat", ["length", "length"], "square", axis=0)
            self._add("Slice", ["mask", "zeros", "square", "axes"], "causal")
            h = "h0"
            for layer in range(GPT_LAYERS):
                h = self._layer(h, f"h.{layer}")
            self._norm(h, "ln_f")
            self._weight("lm_head", (width, GPT_WORDS))
            self._add("MatMul", ["ln_f", "lm_head"], "logits")
        graph = helper.make_graph(
            self._nodes,
            "gpt",
            [helper.make_tensor_value_info(GPT_INPUT, TensorProto.INT64, [1, "time"])],
            [
                helper.make_tensor_value_info(
                    "logits", TensorProto.FLOAT, [1, "time", GPT_WORDS]
                )
            ],
            self._weights,
        )
        onnx.save(_model(graph), self._path)

    def _layer(self, h: str, name: str) -> str:
        width = GPT_WIDTH
        self._norm(h, f"{name}/ln_1")
        self._linear(f"{name}/ln_1", f"{name}/qkv", width, 3 * width)
        parts = [f"{name}/q", f"{name}/k", f"{name}/v"]
        self._add("Split", [f"{name}/qkv"], *parts, axis=-1, num_outputs=3)
        for part, order in zip(
            parts, ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)), strict=True
        ):
            self._add("Reshape", [part, "split"], f"{part}s")
            self._add("Transpose", [f"{part}s"], f"{part}t", perm=order)
        q, k, v = (f"{part}t" for part in parts)
        self._add("MatMul", [q, k], f"{name}/qk")
        self._add("Mul", [f"{name}/qk", "scale"], f"{name}/scaled")
        self._add("Add", [f"{name}/scaled", "causal"], f"{name}/masked")
        self._add("Softmax", [f"{name}/masked"], f"{name}/attention", axis=-1)
        self._add("MatMul", [f"{name}/attention", v], f"{name}/mixed")
        self._add("Transpose", [f"{name}/mixed"], f"{name}/back", perm=(0, 2, 1, 3))
        self._add("Reshape", [f"{name}/back", "merge"], f"{name}/merged")
        self._linear(f"{name}/merged", f"{name}/proj", width, width)
        self._add("Add", [h, f"{name}/proj"], f"{name}/mid")
        self._norm(f"{name}/mid", f"{name}/ln_2")
        self._linear(f"{name}/ln_2", f"{name}/fc", width, 4 * width)
        self._add("Sigmoid", [f"{name}/fc"], f"{name}/gate")
        self._add("Mul", [f"{name}/fc", f"{name}/gate"], f"{name}/act")
        self._linear(f"{name}/act", f"{name}/out", 4 * width, width)
        self._add("Add", [f"{name}/mid", f"{name}/out"], f"{name}/h")
        return f"{name}/h"

    def _add(
        self, op: str, inputs: list[str], *outputs: str, **attributes: Any
    ) -> None:
        name = f"{outputs[0]}/{op}"
        self._nodes.append(
            helper.make_node(op, inputs, list(outputs), name=name, **attributes)
        )

    def _norm(self, source: str, name: str) -> None:
        self._constant(f"{name}.weight", np.ones(GPT_WIDTH, np.float32))
        self._constant(f"{name}.bias", np.zeros(GPT_WIDTH, np.float32))
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        self._add("LayerNormalization", inputs, name, axis=-1)

    def _linear(self, source: str, name: str, inside: int, out: int) -> None:
        self._weight(f"{name}.weight", (inside, out))
        self._constant(f"{name}.bias", np.zeros(out, np.float32))
        self._add("MatMul", [source, f"{name}.weight"], f"{name}/product")
        self._add("Add", [f"{name}/product", f"{name}.bias"], name)

    def _constant(self, name: str, value: np.ndarray[Any, Any]) -> None:
        self._weights.append(numpy_helper.from_array(value, name))

    def _weight(self, name: str, shape: tuple[int, ...]) -> None:
        values = self._random.standard_normal(shape, dtype=np.float32)
        self._place(name, values * np.float32(0.02))

    def _place(self, name: str, value: np.ndarray[Any, Any]) -> None:
        """Put a weight at the start of a page, so that it can be mapped."""
        self._offset = -(-self._offset // 4096) * 4096
        self._file.seek(self._offset)
        value.tofile(self._file)
        tensor = TensorProto(
            name=name,
            dims=value.shape,
            data_type=TensorProto.FLOAT,
            data_location=TensorProto.EXTERNAL,
        )
        for key, text in (
            ("location", self._data.name),
            ("offset", str(self._offset)),
            ("length", str(value.nbytes)),
        ):
            tensor.external_data.add(key=key, value=text)
        self._offset += value.nbytes
        self._weights.append(tensor)


def long_graph(path: Path, n_nodes: int) -> Path:
    """Write a graph of `n_nodes` nodes with branches, skips and scope names."""
    if path.exists():
        return path
    nodes, source = [], "x"
    blocks = n_nodes // 10
    for block in range(blocks):
        scope = f"stage{block // 100}/block{block % 100}"
        left, right = f"{scope}/left", f"{scope}/right"
        chain = [("Relu", [source], left), ("Sigmoid", [source], right)]
        for step in range(3):
            chain.append(("Tanh", [left], f"{left}{step}"))
            chain.append(("Neg", [right], f"{right}{step}"))
            left, right = f"{left}{step}", f"{right}{step}"
        chain.append(("Add", [left, right], f"{scope}/sum"))
        chain.append(("Add", [f"{scope}/sum", source], f"{scope}/out"))
        nodes += [
            helper.make_node(op, inputs, [out], name=f"/{out}/{op}")
            for op, inputs, out in chain
        ]
        source = f"{scope}/out"
    shape = [1, 8]
    graph = helper.make_graph(
        nodes,
        "long",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, shape)],
    )
    onnx.save(_model(graph), path)
    return path


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="layerscope-bench",
    )
