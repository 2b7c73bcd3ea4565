"""Text on its way to a model: cut to what a message carries, surrogates mended."""

from __future__ import annotations

MOST_CHARACTERS = 200_000
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


def cleaned(text: str) -> tuple[str, str]:
    """Return a text that can be sent, and what was changed.

    Parameters
    ----------
    text : str
        Anything; a surrogate without its partner becomes U+FFFD, as no encoding
        can carry it, and what lies beyond `MOST_CHARACTERS` is left out.

    Returns
    -------
    text, note : str
        The note is one sentence, empty where nothing is worth telling.
    """
    notes = []
    if len(text) > MOST_CHARACTERS:
        notes.append(
            f"The text of {len(text):,} characters was cut after {MOST_CHARACTERS:,}."
        )
        text = text[:MOST_CHARACTERS]
    if not text.isascii():
        # Two halves that stand together are the character they encode.
        mended = text.encode("utf-16-le", "surrogatepass").decode(
            "utf-16-le", "surrogatepass"
        )
        text = mended.translate(_SURROGATES)
        n_broken = sum(0xD800 <= ord(character) < 0xE000 for character in mended)
        if n_broken:
            notes.append(
                "Broken characters of the text, halves of pairs, were replaced by "
                f"\ufffd: {n_broken:,} in all."
            )
    return text, " ".join(notes)
