"""What the graphs of a diffusion model take and give, read from their signatures.

The names are those of diffusers' ONNX exports; types, ranks and sizes are those that
the graph states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from layerscope.core.errors import BadInputError
from layerscope.engine.model.cards import Json, read_json
from layerscope.engine.model.folders import ModelFolder
from layerscope.protocol.values import TensorInfo

SAMPLES = ("sample", "hidden_states", "latent_model_input", "x", "x_t", "noisy_sample")
TIMES = ("timestep", "timesteps", "time_step", "t", "time", "step")
WORDS = ("encoder_hidden_states", "context", "prompt_embeds")
LABELS = ("class_labels", "class_label", "labels", "label", "y")
POOLED = ("text_embeds", "pooled_projections")
SIZES = ("time_ids",)
ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
DECODERS = ("vae_decoder",)
USUAL_SIDE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The denoising graph's inputs, and the folder's configurations.

    Attributes
    ----------
    name : str
        Of the model, for sentences.
    sample, time : TensorInfo
        What is denoised, (n, channels, h, w), and the time step.
    output : TensorInfo
    words, label, pooled, sizes : TensorInfo or None
        Hidden states of the words, class numbers, the text as one vector, and the
        sizes that SDXL is told.
    others : tuple of str
        Inputs that nobody here knows how to feed.
    config, vae, scheduler, index : dict
        Configurations: the denoiser's, the decoder's, the scheduler's, the folder's.
    components : tuple of str
        The other graphs there are.
    latent : bool
        Whether pictures are made by a decoder rather than by the denoiser itself.
    class_names : tuple of str
    """

    name: str
    sample: TensorInfo
    time: TensorInfo
    output: TensorInfo
    words: TensorInfo | None = None
    label: TensorInfo | None = None
    pooled: TensorInfo | None = None
    sizes: TensorInfo | None = None
    others: tuple[str, ...] = ()
    config: Json = field(default_factory=dict)
    vae: Json = field(default_factory=dict)
    scheduler: Json = field(default_factory=dict)
    index: Json = field(default_factory=dict)
    components: tuple[str, ...] = ()
    latent: bool = False
    class_names: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Channels of what is denoised: of a latent, or of a picture."""
        if self.latent:
            stated = self.vae.get("latent_channels")
            if isinstance(stated, int) and stated > 0:
                return stated
        if self.taken_channels == 9:
            return 4  # inpainting: latent, mask and masked latent
        return self.taken_channels

    @property
    def taken_channels(self) -> int:
        """Channels that the graph takes."""
        return _size(self.sample, 1) or _whole(self.config, "in_channels", 4)

    @property
    def masked(self) -> bool:
        """Whether the graph is told what to paint anew and what to keep."""
        return self.taken_channels == 2 * self.channels + 1

    @property
    def factor(self) -> int:
        """Pixels a side of a picture for one of a latent."""
        if not self.latent:
            return 1
        blocks = self.vae.get("block_out_channels")
        if isinstance(blocks, list) and blocks:
            return int(2 ** (len(blocks) - 1))
        return 8

    @property
    def multiple(self) -> int:
        """What sides of a picture have to be multiples of."""
        patch = (
            _whole(self.config, "patch_size", 1) if "patch_size" in self.config else 1
        )
        return self.factor * max(1, patch)

    @property
    def fixed(self) -> tuple[int, int] | None:
        """Height and width of a picture where the graph leaves no choice."""
        height, width = _size(self.sample, 2), _size(self.sample, 3)
        if not height or not width:
            return None
        return height * self.factor, width * self.factor

    @property
    def usual(self) -> tuple[int, int]:
        """Height and width of a picture as the model was trained."""
        side = self.config.get("sample_size", USUAL_SIDE)
        sides = side if isinstance(side, list) else [side, side]
        if len(sides) != 2 or not all(isinstance(s, int) and s > 0 for s in sides):
            sides = [USUAL_SIDE, USUAL_SIDE]
        return self.fixed or (sides[0] * self.factor, sides[1] * self.factor)

    @property
    def fixed_batch(self) -> int:
        """Pictures that the graph takes at once, 0 where that is open."""
        return _size(self.sample, 0)

    @property
    def scaling(self) -> float:
        """What latents are multiplied with behind the encoder."""
        return _number(self.vae, "scaling_factor", 0.18215)

    @property
    def shift(self) -> float:
        """What is taken from latents before that."""
        return _number(self.vae, "shift_factor", 0.0)

    @property
    def encoders(self) -> tuple[str, ...]:
        """Text encoders there are."""
        return tuple(name for name in ENCODERS if name in self.components)

    @property
    def null_label(self) -> int:
        """The class that means none, -1 where the model knows none.

        Models that were trained to do without a class have one more than there are
        names, the last.
        """
        n = _whole(self.config, "num_class_embeds", 0)
        return n - 1 if self.class_names and n == len(self.class_names) + 1 else -1

    @property
    def n_classes(self) -> int:
        """Classes to choose from."""
        n = _whole(self.config, "num_class_embeds", 0)
        return len(self.class_names) or n or 10

    @property
    def guided(self) -> bool:
        """Whether there is something to be guided by and to be without."""
        return self.words is not None or (
            self.label is not None and self.null_label >= 0
        )

    @property
    def flows(self) -> bool:
        """Whether the network predicts the way from picture to noise."""
        return "Flow" in str(self.scheduler.get("_class_name", ""))


def read(
    folder: ModelFolder, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> Parts | None:
    """Return what a graph takes if it is one that denoises, else None.

    Parameters
    ----------
    folder : ModelFolder
        Whose main graph it is.
    inputs, outputs : sequence of TensorInfo
        Of that graph.
    """
    sample = _named(inputs, SAMPLES, ranks=(4,), kind="f")
    time = _named(inputs, TIMES, ranks=(0, 1))
    if sample is None or time is None:
        return None
    output = next((o for o in outputs if o.shape is None or len(o.shape) == 4), None)
    words = _named(inputs, WORDS, ranks=(3,), kind="f")
    label = _named(inputs, LABELS, ranks=(1,), kind="iu")
    pooled = _named(inputs, POOLED, ranks=(2,), kind="f")
    sizes = _named(inputs, SIZES, ranks=(2,), kind="f")
    if output is None:
        return None
    known = {part.name for part in (sample, time, words, label, pooled, sizes) if part}
    others = tuple(part.name for part in inputs if part.name not in known)
    notes: list[str] = []
    beside = folder.main.parent
    own = read_json(beside / "config.json", notes) if folder.components else {}
    config = own or ({} if "_class_name" not in folder.config else folder.config)
    config = config or folder.config
    latent = any(name in folder.components for name in DECODERS) or (
        words is not None and "vae_encoder" in folder.components
    )
    vae = read_json(folder.root / "vae_decoder" / "config.json", notes) or read_json(
        folder.root / "vae" / "config.json", notes
    )
    scheduler = read_json(folder.root / "scheduler" / "scheduler_config.json", notes)
    scheduler = scheduler or read_json(beside / "scheduler_config.json", notes)
    if words is not None and not folder.components:
        return None  # words come in, and nothing here can make them of a text
    return Parts(
        name=folder.name,
        sample=sample,
        time=time,
        output=output,
        words=words,
        label=label,
        pooled=pooled,
        sizes=sizes,
        others=others,
        config=config,
        vae=vae,
        scheduler=scheduler,
        index=read_json(folder.root / "model_index.json", notes),
        components=tuple(folder.components),
        latent=latent or words is not None,
        class_names=folder.labels,
    )


def check(parts: Parts, *, from_picture: bool) -> None:
    """Say what is missing before a run begins.

    Parameters
    ----------
    parts : Parts
        Of the open model.
    from_picture : bool
        Whether there is a picture to begin from.

    Raises
    ------
    BadInputError
        A part of the folder is missing, or the graph takes what nobody can give it.
    """
    needed = []
    if parts.words is not None and not parts.encoders:
        needed.append("text_encoder")
    if parts.latent and "vae_decoder" not in parts.components:
        needed.append("vae_decoder")
    if parts.latent and from_picture and "vae_encoder" not in parts.components:
        needed.append("vae_encoder")
    if needed:
        there = ", ".join(parts.components) or "nothing"
        raise BadInputError(
            f"{parts.name} needs {' and '.join(needed)} to make this picture; beside "
            f"the denoising graph its folder has {there}. Add the missing part, "
            f"{needed[0]}/model.onnx."
        )
    if parts.others:
        raise BadInputError(
            f"The denoising graph of {parts.name} also takes "
            f"{', '.join(parts.others[:4])}, and nothing in its folder says with what "
            "to feed that; choose the task for tensors to feed it by hand."
        )


def _named(
    infos: Sequence[TensorInfo],
    names: Sequence[str],
    ranks: tuple[int, ...],
    kind: str = "fiu",
) -> TensorInfo | None:
    kinds = {"f": ("float", "bfloat"), "i": ("int",), "u": ("uint",)}
    allowed = tuple(prefix for letter in kind for prefix in kinds[letter])
    for name in names:
        for info in infos:
            right = info.shape is None or len(info.shape) in ranks
            if info.name == name and right and info.dtype.startswith(allowed):
                return info
    return None


def _size(info: TensorInfo, axis: int) -> int:
    """Return a size that the graph states, 0 where it is open."""
    if info.shape is None:
        return 0
    size = info.shape[axis]
    return size if isinstance(size, int) and size > 0 else 0


def _whole(config: Json, key: str, usual: int) -> int:
    value: Any = config.get(key)
    return value if isinstance(value, int) and value > 0 else usual


def _number(config: Json, key: str, usual: float) -> float:
    value: Any = config.get(key)
    right = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if right and not isinstance(value, bool) else usual
