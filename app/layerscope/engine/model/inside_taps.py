"""A decoder that lets its attention and its residual stream out with every step."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from layerscope.engine.model.attention_sites import AttentionSite
from layerscope.engine.model.residuals import Stream, name_sums

_PROBABILITIES = 3  # as ai.onnx Attention numbers them
_AFTER_SOFTMAX = 2  # as com.microsoft GroupQueryAttention numbers them
_SCORES_AT = 3  # the output of every fused operator that holds them
_OWN = "layerscope_attention"


def tapped_names(
    sites: Sequence[AttentionSite], stream: Stream | None
) -> dict[str, str]:
    """Return the tensors that `tap` lets out, by what they are.

    Parameters
    ----------
    sites : sequence of AttentionSite
        Where the graph attends; those whose operator gives no weights are left out.
    stream : Stream, optional
        Its residual stream.

    Returns
    -------
    dict of str to str
        Tensor by ``"attention.<number of the site>"`` and ``"stream.<number>"``.
    """
    found = {}
    for at, site in enumerate(sites):
        name = _weights_of(site)
        if name:
            found[f"attention.{at}"] = name
    for at, tensor in enumerate(stream.tensors if stream is not None else ()):
        found[f"stream.{at}"] = tensor
    return found


def tap(
    proto: onnx.ModelProto, sites: Sequence[AttentionSite], stream: Stream | None
) -> None:
    """Make a model give weights and stream besides its outputs, in place."""
    for site in sites:
        if _weights_of(site) and site.op != "Softmax":
            _ask_for_weights(proto.graph.node[site.node], _weights_of(site))
    if stream is not None:
        name_sums(proto, stream.tensors)
    there = {value.name for value in proto.graph.output}
    there |= {value.name for value in proto.graph.input}
    for name in tapped_names(sites, stream).values():
        if name not in there:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))


def _weights_of(site: AttentionSite) -> str:
    node = site.chain[-1]
    if site.op == "Softmax":
        return str(node.output[0])
    if site.op in ("Attention", "com.microsoft.GroupQueryAttention"):
        return f"{_OWN}:{node.output[0]}"
    return ""


def _ask_for_weights(node: onnx.NodeProto, name: str) -> None:
    """Make a fused operator of onnxruntime's give its weights."""
    while len(node.output) < _SCORES_AT:
        node.output.append(f"{name}:{len(node.output)}")  # empty names are refused
    for at, output in enumerate(node.output):
        if not output:
            node.output[at] = f"{name}:{at}"
    if len(node.output) == _SCORES_AT:
        node.output.append(name)
    else:
        node.output[_SCORES_AT] = name
    grouped = node.op_type == "GroupQueryAttention"
    key = "qk_output" if grouped else "qk_matmul_output_mode"
    kept = [item for item in node.attribute if item.name != key]
    del node.attribute[:]
    node.attribute.extend(kept)
    mode = _AFTER_SOFTMAX if grouped else _PROBABILITIES
    node.attribute.append(onnx.helper.make_attribute(key, mode))
