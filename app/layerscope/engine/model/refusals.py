"""Errors of onnxruntime and onnx as one plain sentence, with the node concerned."""

from __future__ import annotations

import errno
import re

from layerscope.core.errors import (
    BadInputError,
    DeviceError,
    JobCancelledError,
    LayerscopeError,
    ModelRefusedError,
    OutOfMemoryError,
)
from layerscope.engine.model import operators, refusal_rules
from layerscope.engine.model.concerned import by_operator, find, node_text
from layerscope.engine.model.ort_words import Words, bounded, take_apart, tidy
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.refusal_rules import model_reason
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.wording import shown, size

_CUSTOM = re.compile(r"(?<![\w.-])([\w.-]*):(\S+?)\(-?\d+\) is not a registered")


def explain(
    error: Exception, model: OnnxModel, structure: ModelStructure
) -> LayerscopeError:
    """Return the error to raise in place of one of onnxruntime's or onnx'.

    Parameters
    ----------
    error : Exception
        Raised by making a session or by a run; one of ours is returned as it is.
    model : OnnxModel
        Whose it was.
    structure : ModelStructure
        Of the same model.

    Returns
    -------
    LayerscopeError
        `ModelRefusedError` with the name of the node, `OutOfMemoryError`,
        `DeviceError`, `BadInputError`, or `JobCancelledError` where the run was
        told to stop.
    """
    if isinstance(error, LayerscopeError):
        return error
    text = bounded(str(error))
    if refusal_rules.TERMINATED.search(text):
        return JobCancelledError("The run was stopped.")
    words = take_apart(text)
    concerned = find(words, text, structure)
    place = f" at {concerned.text}" if concerned else ""
    if isinstance(error, MemoryError) or refusal_rules.OUT_OF_MEMORY.search(text):
        return OutOfMemoryError(_memory_sentence(text, place))
    if refusal_rules.TOO_LARGE.search(text):
        return OutOfMemoryError(
            f"A tensor{place} would have more elements than any machine can hold; "
            "check the sizes of the inputs."
        )
    if refusal_rules.DEVICE.search(text):
        return DeviceError(
            f"The device failed{place}: {words.reason or 'it gave no reason'}; try "
            "the model on the CPU."
        )
    unfit = refusal_rules.input_sentence(text)
    if unfit:
        return BadInputError(_ended(unfit))
    if isinstance(error, OSError):
        return BadInputError(_file_sentence(error, model))
    if not _is_theirs(error):
        return LayerscopeError(
            f"This program made a mistake ({type(error).__name__}: {tidy(text)}); the "
            "log has the details."
        )
    if "NO_SUCHFILE" in text:
        return BadInputError(
            f"{shown(model.path.name)} is gone: it was moved or deleted after it was "
            "read; open it again."
        )
    if words.running:
        reason = model_reason(text) or words.reason
        where = concerned.text if concerned else f"a {shown(words.op)} node"
        sentence = f"The run failed at {where}: {reason}"
    else:
        custom = _CUSTOM.search(text)
        if custom:
            concerned = concerned or by_operator(custom[2], structure)
        place = f" at {concerned.text}" if concerned else ""
        reason = _load_reason(text, words, custom)
        sentence = f"onnxruntime refuses the model{place}: {reason}"
    return ModelRefusedError(_ended(sentence), concerned.name if concerned else "")


def refuse_early(model: OnnxModel, structure: ModelStructure) -> None:
    """Raise if a model must not even be given to onnxruntime.

    Parameters
    ----------
    model : OnnxModel
        As read.
    structure : ModelStructure
        Of the same model.

    Raises
    ------
    ModelRefusedError
        Its weight files may not be read, its local functions would never end to be
        written out, or it names an engine in another file.
    """
    if model.obstacle:
        users = structure.consumers.get(model.obstacle_tensor, ())
        name = structure.nodes[users[0]].name if users else ""
        raise ModelRefusedError(model.obstacle, name)
    expansion = operators.expansion_error(model.proto)
    if expansion:
        raise ModelRefusedError(expansion)
    for node in structure.nodes:
        if node.op == "EPContext":
            raise ModelRefusedError(
                f"The {node_text(node.name, node.op)} names an engine compiled for "
                "other hardware, which is never loaded; open the model it was made of.",
                node.name,
            )
    if not model.proto.graph.output:
        raise ModelRefusedError(
            "The graph names no outputs, so there is nothing to run it for; it can "
            "only be drawn."
        )


def words_of(text: str) -> str:
    """Return one of onnxruntime's texts about a whole model as a sentence."""
    text = bounded(text)
    reason = model_reason(text) or take_apart(text).reason
    return _ended(f"onnxruntime refuses the model: {reason}")


def _is_theirs(error: Exception) -> bool:
    """Whether onnxruntime, onnx or protobuf raised it, and not a slip of our own."""
    module = type(error).__module__.partition(".")[0]
    # pybind11 turns std::exception and std::invalid_argument into these.
    plain = type(error) in (RuntimeError, ValueError)
    return plain or module in ("onnxruntime", "onnx", "google")


def _load_reason(text: str, words: Words, custom: re.Match[str] | None) -> str:
    reason = model_reason(text)
    if reason:
        return reason
    if words.op and "No Op registered" in words.reason:
        return _no_operator(words)
    if custom:
        name = operators.qualified(custom[1], custom[2])
        return (
            f"{name} is a custom operator that onnxruntime {operators.VERSION} does "
            "not have"
        )
    return words.reason or "it gives no reason"


def _no_operator(words: Words) -> str:
    version = re.search(r"domain_version of (\d+)", words.reason)
    domain = operators.plain_domain(words.domain)
    opset = int(version[1]) if version else 0
    if not 0 <= opset < 1 << 31:
        opset = 0
    why = operators.why_unsupported(domain, words.op, opset)
    name = operators.qualified(domain, words.op)
    return why.rstrip(".") or f"it knows no operator {name} in opset {opset}"


def _memory_sentence(text: str, place: str) -> str:
    asked = refusal_rules.REQUESTED.search(text)
    amount = f"{size(int(asked[1]))} for one tensor" if asked else "more memory"
    return (
        f"The run needs {amount}{place}, and that much is not free; choose smaller "
        "inputs, a smaller variant or another device."
    )


def _file_sentence(error: OSError, model: OnnxModel) -> str:
    if error.errno == errno.ENOSPC:
        return "The disk is full; free some space and try again."
    why = error.strerror or tidy(str(error))
    return f"{shown(model.path.name)} could not be read ({why}); open it again."


def _ended(sentence: str) -> str:
    sentence = sentence.rstrip()
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."
