"""onnxruntime's error texts, taken apart: no C++ in them, and who is concerned."""

from __future__ import annotations

import re
from dataclasses import dataclass

from layerscope.engine.model.wording import shown

MAX_REASON = 220
# An error text longer than this holds a monstrous name, whose middle may go.
MAX_TEXT = 8_000

_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_PROVIDER_CODE = re.compile(r"\[(ShapeInferenceError|TypeInferenceError)\]\s*")
_LOADING = re.compile(r"^Load model from .*? failed:\s*", re.DOTALL)
_INITIALISING = re.compile(r"^Exception during initialization:\s*")
_INVALID = re.compile(r"^(This is an invalid model\.|Invalid model\.)\s*")
_SOURCE = re.compile(r"(?:[\w./\\-]*[/\\])?[\w.-]+\.(?:cc|cpp|cxx|cu|cuh|h|hpp):\d+ ")
_CONDITION = re.compile(r"^\S.{0,160}? was (?:false|true)\.\s*", re.DOTALL)
_PLEA = re.compile(r"\s*Please fix either the inputs/outputs or the model\.?")
_RUNNING = re.compile(
    r"Non-zero status code returned while running (?P<op>\S+) node\. "
    r"Name:'(?P<node>.*?)' Status Message: (?P<reason>.*)",
    re.DOTALL,
)
_IN_NODE = re.compile(
    r'In Node, \("(?P<node>.*?)", (?P<op>.*?), "(?P<domain>.*?)", -?\d+\) : '
    r"\((?P<inputs>.*?)\) -> \((?P<outputs>.*?)\) ?, (?:Error )?(?P<reason>.*)",
    re.DOTALL,
)
_NODE_OP = re.compile(
    r"Node ?\((?P<node>.*?)\) Op ?\((?P<op>.*?)\) (?P<reason>.*)", re.DOTALL
)
# Texts that name their node in passing: what they say is kept whole.
_IN_PASSING = (
    re.compile(r"implementation for (?P<op>.+?)\(\d+\) node with name '(?P<node>.*?)'"),
    re.compile(r"of (?:operator|Optype) \((?P<op>.*?)\).*in node \((?P<node>.*?)\)"),
    re.compile(r"(?P<op>)output arg \(.*?\) of node \((?P<node>.*?)\)"),
)
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class Words:
    """An error text, taken apart.

    Attributes
    ----------
    reason : str
        What remains when places in source code and codes are taken out.
    node, op, domain : str
        Named in the text; may be empty.
    outputs : tuple of str
        Of the node, where the text lists them.
    running : bool
        Whether it happened in a run, not at load.
    """

    reason: str
    node: str = ""
    op: str = ""
    domain: str = ""
    outputs: tuple[str, ...] = ()
    running: bool = False


def bounded(text: str) -> str:
    """Return `text` without the middle of what is too long to search in."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[: MAX_TEXT // 2]}…{text[-MAX_TEXT // 2 :]}"


def take_apart(text: str) -> Words:
    """Return the parts of an error text of onnxruntime's or onnx'."""
    text = _CODE.sub("", bounded(text)).strip()
    text = _LOADING.sub("", text)
    text = _INITIALISING.sub("", text)
    match = _RUNNING.search(text)
    if match:
        inner = take_apart(match["reason"])
        # A body's own failure says more than that of the Loop around it.
        node = inner.node if inner.running else match["node"]
        op = inner.op if inner.running else match["op"]
        return Words(inner.reason, node, op, running=True)
    text = without_source(text)
    text = _INVALID.sub("", _INVALID.sub("", text))
    match = _IN_NODE.search(text)
    if match:
        return Words(
            tidy(match["reason"]),
            match["node"],
            match["op"],
            match["domain"],
            tuple(_QUOTED.findall(match["outputs"])),
        )
    match = _NODE_OP.search(text)
    if match:
        return Words(tidy(match["reason"]), match["node"], match["op"])
    for pattern in _IN_PASSING:
        match = pattern.search(text)
        if match:
            return Words(tidy(text), match["node"], match["op"])
    return Words(tidy(text))


def without_source(text: str) -> str:
    """Return `text` without file names, lines and signatures of C++ functions."""
    kept: list[str] = []
    at = 0
    while True:
        match = _SOURCE.search(text, at)
        if match is None:
            return "".join([*kept, text[at:]])
        kept.append(text[at : match.start()])
        rest = text[match.end() :]
        length = _signature_length(rest)
        condition = _CONDITION.match(rest[length:])
        at = match.end() + length + (condition.end() if condition else 0)


def _signature_length(text: str) -> int:
    """Return how many characters of `text` are a C++ function's name or signature."""
    opening = text.find("(")
    first_space = text.find(" ")
    named = "::" in text[:opening] if opening >= 0 else False
    if opening < 0 or not (named or 0 <= opening < first_space):
        # Only the bare name: "tensorprotoutils.cc:461 ValidatePath Not there"
        return first_space + 1 if first_space >= 0 else len(text)
    at = opening
    while at < len(text):
        depth = 0
        for i in range(at, len(text)):
            depth += (text[i] == "(") - (text[i] == ")")
            if depth == 0:
                at = i + 1
                break
        else:
            return len(text)
        # operator()(int) and <lambda(int)>::operator()() have more than one pair.
        following = text[at:]
        if following[:1] == "(":
            continue
        if following[:1] in (">", ":") and "(" in following:
            at += following.index("(")
            continue
        break
    tail = re.match(r"(?: const| noexcept| \[with [^\]]*\])*\s*", text[at:])
    return at + (tail.end() if tail else 0)


def tidy(text: str) -> str:
    """Return `text` as the middle of a sentence: one line, no full stop, bounded."""
    text = _PROVIDER_CODE.sub("", without_source(text))
    text = _PLEA.sub("", text)
    text = re.sub(r"^(?:Error:?|Fatal error:|Type Error:)\s*", "", text.strip())
    text = " ".join(text.split())
    text = re.sub(r"\.\s+(?=[A-Z])", "; ", text)  # one sentence in all
    return shown(text.rstrip(" .;,"), MAX_REASON)
