"""How answers about texts are written: words, labels, similarities."""

from __future__ import annotations

from typing import Any

from layerscope.cli import text
from layerscope.protocol.answers import (
    Answer,
    Embeddings,
    FilledMask,
    GeneratedText,
    TextAnswer,
    TokenLabels,
)

_SHOWN = 40
_WIDTH = 6


def fields_of(answer: Answer) -> dict[str, Any]:
    """Return the fields of ``run --json`` that an answer about a text adds."""
    fields: dict[str, Any] = {}
    for part in answer.parts:
        match part:
            case TextAnswer() | GeneratedText():
                fields["text"] = part.text
            case FilledMask():
                fields["text"] = part.text
                fields["gaps"] = [
                    [
                        {"word": one.text, "id": one.id, "score": one.probability}
                        for one in part.tokens[at].alternatives
                    ]
                    for at in part.gaps
                ]
            case TokenLabels():
                fields["tokens"] = [
                    {"token": token.text, "label": label.label, "score": label.score}
                    for token, label in zip(part.tokens, part.labels, strict=False)
                ]
                fields["spans"] = [
                    {
                        "text": span.text,
                        "label": span.label,
                        "score": span.score,
                        "start": span.start,
                        "end": span.end,
                    }
                    for span in part.spans
                ]
            case Embeddings():
                n = len(part.texts)
                fields["texts"] = part.texts
                fields["similarity"] = [
                    part.similarity[row * n : (row + 1) * n] for row in range(n)
                ]
                fields["dimensions"] = part.n_dimensions
            case _:
                pass
    return fields


def lines_of(answer: Answer) -> list[str]:
    """Return an answer about a text as lines."""
    lines: list[str] = []
    for part in answer.parts:
        match part:
            case TextAnswer() | GeneratedText():
                lines += ["", part.text]
            case FilledMask():
                lines += ["", part.text]
                for at in part.gaps:
                    rows = [
                        (one.text, f"{one.probability:.1%}")
                        for one in part.tokens[at].alternatives
                    ]
                    lines += ["", *text.table(rows, right=(1,))]
            case TokenLabels():
                found = [
                    (span.text, span.label, f"{span.score:.1%}")
                    for span in part.spans[:_SHOWN]
                ]
                lines += ["", *text.table(found, right=(2,))]
            case Embeddings():
                lines += ["", *_similarities(part)]
            case _:
                pass
    return lines


def _similarities(part: Embeddings) -> list[str]:
    n = len(part.texts)
    rows = []
    for row in range(min(n, _SHOWN)):
        cells = part.similarity[row * n : row * n + min(n, _WIDTH)]
        name = part.texts[row] if n <= _WIDTH else f"{row + 1}  {part.texts[row]}"
        rows.append((name[:48], *(f"{value:.3f}" for value in cells)))
    return text.table(rows, right=range(1, _WIDTH + 1))
