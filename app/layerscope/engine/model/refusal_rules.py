"""Which of onnxruntime's texts means what, and how to say it.

Each rule is a pattern and the sentence, or the part of one, to say in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from layerscope.engine.model import operators
from layerscope.engine.model.wording import shown, size

Sentence = Callable[[re.Match[str]], str]

OUT_OF_MEMORY = re.compile(
    r"Failed to allocate memory|bad_?alloc|BFCArena|out of memory|Available memory of"
    r"|CUBLAS_STATUS_ALLOC_FAILED|cudaMalloc|cudaErrorMemoryAllocation"
    r"|CUDNN_STATUS_ALLOC_FAILED|Cannot allocate memory",
    re.IGNORECASE,
)
REQUESTED = re.compile(r"requested buffer of size (\d+)")
TOO_LARGE = re.compile(r"SafeInt|Integer overflow")
DEVICE = re.compile(
    r"CUDA failure|CUDNN failure|CUBLAS failure|CUDA error|cudaError|cuDNN error"
    r"|CUBLAS_STATUS|CUDNN_STATUS|CUFFT_STATUS|device-side assert"
    r"|Failed to load library.*provider|TensorRT EP|DML.*device removed",
    re.IGNORECASE | re.DOTALL,
)
TERMINATED = re.compile(r"Exiting due to terminate flag|Cancelled|was cancelled")
_OPSET = (
    "it uses opset {0} of {1}, and onnxruntime {2} reads up to {3}; export the model "
    "with opset {3} or lower"
)

# Inputs that do not fit: the user's to change, not the model's fault.
_INPUT_RULES: tuple[tuple[re.Pattern[str], Sentence], ...] = (
    (
        re.compile(
            r"Got invalid dimensions for input: (.+?) for the following indices\s+"
            r"index: (\d+) Got: (-?\d+) Expected: (-?\d+)"
        ),
        lambda m: (
            f"The input {shown(m[1])} has size {m[3]} in dimension {m[2]}, and the "
            f"model takes {m[4]} there; change the input's shape"
        ),
    ),
    (
        re.compile(r"Invalid rank for input: (.+?) Got: (\d+) Expected: (\d+)"),
        lambda m: (
            f"The input {shown(m[1])} has {m[2]} dimensions, and the model takes "
            f"{m[3]}; change the input's shape"
        ),
    ),
    (
        re.compile(
            r"Unexpected input data type\. Actual: \((.+?)\) ?, expected: \((.+)\)"
        ),
        lambda m: (
            f"An input is {_bare_type(m[1])}, and the model takes {_bare_type(m[2])}; "
            "convert it"
        ),
    ),
    (
        re.compile(r"Required inputs \(\[(.*?)\]\) are missing"),
        lambda m: f"The model also needs the input {shown(m[1])}; give it a value",
    ),
    (
        re.compile(r"Invalid (?:Feed )?input name: ?(.+)", re.IGNORECASE),
        lambda m: f"The model has no input {shown(m[1])}; leave it out",
    ),
    (
        re.compile(r"Invalid output name: ?(.+)", re.IGNORECASE),
        lambda m: f"The model has no output {shown(m[1])}; choose one that it has",
    ),
)

# What the model itself does wrong; each gives the part after "...: ".
_MODEL_RULES: tuple[tuple[re.Pattern[str], Sentence], ...] = (
    (
        re.compile(r"Missing opset in the model"),
        lambda m: (
            "it states no opset version, as files from before 2018 do, so that the "
            "meaning of its operators is not certain; export the model again"
        ),
    ),
    (
        re.compile(r"Unsupported model IR version: (\d+), max supported .*?: (\d+)"),
        lambda m: (
            f"it is written in IR version {m[1]}, and onnxruntime {operators.VERSION} "
            f"reads up to {m[2]}; save the model in IR version {m[2]} or lower"
        ),
    ),
    (
        re.compile(
            r"Opset (\d+) is under development.*domain (\S+) is till opset (\d+)"
        ),
        lambda m: _OPSET.format(m[1], shown(m[2]), operators.VERSION, m[3]),
    ),
    (
        re.compile(r"No opset import for domain '(.*?)'"),
        lambda m: (
            f'it uses operators of the domain "{shown(m[1])}" without stating which '
            "version of it; export the model again"
        ),
    ),
    (
        re.compile(r"Could not find an implementation for (.+?)\((\d+)\)"),
        lambda m: (
            f"onnxruntime {operators.VERSION} has no implementation of {shown(m[1])}, "
            f"version {m[2]}, for these types on this device"
        ),
    ),
    (
        re.compile(r"two nodes with same node name \((.*?)\)"),
        lambda m: (
            f"two of its nodes have the same name, {shown(m[1])}; rename one and save "
            "the model again"
        ),
    ),
    (
        re.compile(r"Duplicate definition(?:-site for| of name) \((.*?)\)"),
        lambda m: (
            f"the tensor {shown(m[1])} is made twice, by two nodes or by an input and "
            "a node; every name may be made once"
        ),
    ),
    (
        re.compile(r"not acyclic|not a DAG|contains a cycle"),
        lambda m: (
            "its nodes form a circle, each waiting for the other's output; a graph "
            "must run from inputs to outputs"
        ),
    ),
    (
        re.compile(r"must not be recursive. Cycle detected: (.+)"),
        lambda m: f"a local function of it calls itself ({shown(m[1])})",
    ),
    (
        re.compile(
            r"Node input '(.*?)' is not a graph input, initializer, or output of a"
        ),
        lambda m: (
            f"a node takes the tensor {shown(m[1])}, which nothing in the graph makes"
        ),
    ),
    (
        re.compile(r"Graph output \((.*?)\) does not exist in the graph"),
        lambda m: f"its output {shown(m[1])} is made by no node of it",
    ),
    (
        re.compile(r"in-memory address marker|_ORT_MEM_ADDR_"),
        lambda m: (
            "it names an address in this program's memory as the place of its weights, "
            "which no honest file does"
        ),
    ),
    (
        re.compile(r"External data path escapes|escapes both model directory"),
        lambda m: "it wants to read its weights from outside its own folder",
    ),
    (
        re.compile(r'External data path does not exist: "(?:.*[/\\])?(.*?)"'),
        lambda m: (
            f'its weight file "{shown(m[1])}" is missing; put it beside the model'
        ),
    ),
    (
        re.compile(
            r"Initializer '(.*?)': raw_data size \((\d+) bytes\) does not match "
            r"expected size from shape and data type \((\d+) bytes\)"
        ),
        lambda m: (
            f"the weight {shown(m[1])} needs {size(int(m[3]))} and the file holds "
            f"{size(int(m[2]))} of it; get the model with its weights"
        ),
    ),
    (
        re.compile(r"Tensor '(.*?)' does not have valid data type"),
        lambda m: f"the weight {shown(m[1])} is of a type that ONNX does not have",
    ),
    (
        re.compile(r"Out of bounds dimensions|negative dimension"),
        lambda m: "one of its weights states an impossible size",
    ),
    (
        re.compile(r"MaxIdx\(\) > -1|OrtValue indexes should have been populated"),
        lambda m: "its graph is empty, without nodes, inputs and outputs",
    ),
    (
        re.compile(r"At least one output should be requested"),
        lambda m: "its graph names no outputs, so there is nothing to run it for",
    ),
    (
        re.compile(
            r"Shape mismatch attempting to re-use buffer\. (\{.*?\}) != (\{.*?\})"
        ),
        lambda m: (
            f"the sizes stored in the file are false ({_shape(m[1])} where it has to "
            f"be {_shape(m[2])}); remove its value_info or infer the shapes again"
        ),
    ),
    (
        re.compile(
            r"cannot be reshaped .*Input shape:(\{.*?\}), requested .*?(\{.*?\})"
        ),
        lambda m: (
            f"a tensor of {_shape(m[1])} cannot be reshaped to {_shape(m[2])}; other "
            "input sizes may fit"
        ),
    ),
    (
        re.compile(r"Protobuf parsing failed"),
        lambda m: "the file is damaged; fetch it again",
    ),
    (
        re.compile(r"exceeded maximum protobuf size|Protobuf serialization failed"),
        lambda m: "it is larger than 2 GiB in one piece; save it with external data",
    ),
)


def input_sentence(text: str) -> str:
    """Return what to say of inputs that do not fit, empty where it is not that."""
    return _first(_INPUT_RULES, text)


def model_reason(text: str) -> str:
    """Return the reason in words for what a model does wrong, empty if not known."""
    return _first(_MODEL_RULES, " ".join(text.split()))


def _first(rules: tuple[tuple[re.Pattern[str], Sentence], ...], text: str) -> str:
    for pattern, sentence in rules:
        match = pattern.search(text)
        if match:
            return sentence(match)
    return ""


def _bare_type(text: str) -> str:
    match = re.fullmatch(r"tensor\((.*)\)", text)
    return shown(match[1] if match else text)


def _shape(text: str) -> str:
    return text.strip("{}").replace(",", " × ") or "scalar"
