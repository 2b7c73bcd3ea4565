"""Which other graphs of a folder belong to the model besides the one that is drawn."""

from __future__ import annotations

from pathlib import Path

from layerscope.engine.model.cards import may_be_read

# diffusers' folders, in the order in which a picture comes to be.
DIFFUSERS = (
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "unet",
    "transformer",
    "vae_encoder",
    "vae_decoder",
)
# Optimum's, transformers.js' and onnxruntime-genai's files, and pairs of two.
FILES = {
    "encoder_model": "encoder",
    "encoder": "encoder",
    "decoder_model_merged": "decoder",
    "decoder_model": "decoder",
    "decoder": "decoder",
    "decoder_with_past_model": "decoder_with_past",
    "vision_model": "vision",
    "text_model": "text",
}


def found(main: Path, root: Path) -> dict[str, Path]:
    """Return the other graphs by name, without the one that is drawn.

    Parameters
    ----------
    main : Path
        The file that is drawn.
    root : Path
        The model's folder.
    """
    parts: dict[str, Path] = {}
    for name in DIFFUSERS:
        _add(parts, name, root / name / "model.onnx")
    suffix = _precision(main.stem)
    for stem, name in FILES.items():
        _add(parts, name, root / stem / "model.onnx")
        for chosen in (f"{stem}{suffix}", stem):
            _add(parts, name, main.parent / f"{chosen}.onnx")
    parts = {name: path for name, path in parts.items() if path != main}
    drawn = FILES.get(main.stem.removesuffix(suffix), "")
    if drawn in parts:
        del parts[drawn]
    return parts


def _add(parts: dict[str, Path], name: str, path: Path) -> None:
    if name not in parts and path.is_file() and may_be_read(path):
        parts[name] = path


def _precision(stem: str) -> str:
    """Return the suffix that tells the precision, ``"_quantized"`` say."""
    for base in sorted(FILES, key=len, reverse=True):
        if stem.startswith(f"{base}_"):
            return stem.removeprefix(base)
    return ""
