"""From words to pictures: what the parts of a model do, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from layerscope.core.diffusion.noise import Floats
from layerscope.engine.diffusion import attention
from layerscope.engine.diffusion.coding import Coder, Pixels, to_pixels
from layerscope.engine.diffusion.denoiser import Condition, Feeds
from layerscope.engine.diffusion.making import Making
from layerscope.engine.diffusion.options import Options
from layerscope.engine.diffusion.parts import Parts
from layerscope.engine.diffusion.previews import LatentColours, Previewer
from layerscope.engine.diffusion.prompts import Prompts, Word
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.runtime.cancelling import CancelToken
from layerscope.engine.runtime.running import RunningModel
from layerscope.engine.steps import Runner

STEP, END, ATTENTION, CELL = "denoising", "end", "cross-attention", "cell"


@dataclass(slots=True)
class Made:
    """What the last run was made with, for later looks.

    Attributes
    ----------
    making : Making
    words : tuple of Word
        Of the prompt.
    texts : dict of str to str
        By slot.
    settings : dict
        All that the pictures depend on.
    pictures : tuple of str
        Slots of the pictures that it began from.
    """

    making: Making
    words: tuple[Word, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """One step as it is shown.

    Attributes
    ----------
    call : int
        Number of the call that was made; that of all calls at the end.
    pictures : (n, h, w, 3) uint8 array or None
    how : str
        ``"decoded"``, ``"estimated"`` or ``"none"``.
    """

    call: int
    pictures: Pixels | None
    how: str


class Pipeline:
    """A model of diffusion and what is remembered between its runs.

    Parameters
    ----------
    parts : Parts
    root : Path
        Its folder.
    file : OnnxModel
        The denoising graph.
    """

    def __init__(self, parts: Parts, root: Path, file: OnnxModel) -> None:
        self.parts = parts
        self.prompts = Prompts(parts, root)
        self.colours = LatentColours(parts.channels)
        self.layers = (
            attention.found_in(file.proto, parts.words.name, parts.sample.name)
            if parts.words is not None
            else []
        )

    def begin(
        self,
        runner: Runner,
        options: Options,
        image: Pixels | None = None,
        mask: Pixels | None = None,
    ) -> Made:
        """Read the words and make all ready for the first call.

        Raises
        ------
        LayerscopeError
            A part cannot be run, or the settings do not go together.
        """
        condition, without, words = self._conditions(runner, options)
        making = Making(
            self.parts, options, condition, without, self.coder(runner), image, mask
        )
        return Made(making=making, words=words)

    def coder(self, runner: Runner) -> Coder:
        """Return what decodes and encodes during a run."""
        return Coder(self.parts, runner.run, runner.graph)

    def shown(self, runner: Runner, made: Made, *, keep: bool) -> Iterator[Shown]:
        """Go through all calls, and decode the end.

        Parameters
        ----------
        runner : Runner
            Runs the graphs.
        made : Made
            As `begin` made it.
        keep : bool
            Keep what each step had, for later looks.
        """
        making = made.making
        options = making.options
        previewer = Previewer(
            self.coder(runner),
            self.colours,
            options.preview,
            options.height,
            options.width,
            latent=self.parts.latent,
        )
        capture = keep and options.attention and bool(self.layers and made.words)
        caught: list[list[Any]] = []

        def ask(feeds: Feeds) -> dict[str, Any]:
            if not capture:
                return runner.run(feeds)
            outputs, weights = self.captured(runner.graph(), feeds, runner.token)
            caught.append(weights)
            return outputs

        def on_feeds(feeds: Feeds) -> None:
            runner.feeds = feeds

        sample = making.begin()
        for moment in making.moments(ask, on_feeds):
            if keep:
                arrays = {"latent": moment.before, "cond": moment.conditional}
                if moment.unconditional is not None:
                    arrays["uncond"] = moment.unconditional
                runner.keepsakes.put(STEP, moment.call, arrays)
            if caught:
                kept = _by_word(caught, made)
                runner.keepsakes.put(ATTENTION, moment.call, kept)
                caught.clear()
            sample = moment.after
            yield Shown(moment.call, *previewer.preview(moment.clean))
        decoded = previewer.decoded(sample)
        previewer.learn(sample, decoded)
        pictures = to_pixels(decoded)
        if keep:
            runner.keepsakes.put(END, 0, {"latent": sample, "pictures": pictures})
        yield Shown(making.n_calls, pictures, "decoded")

    def captured(
        self, running: RunningModel, feeds: Feeds, token: CancelToken
    ) -> tuple[dict[str, Any], list[Any]]:
        """Run the denoising graph with the weights of its cross-attention.

        Returns
        -------
        outputs : dict
            Of the graph, by name.
        weights : list of array
            Of each layer, the mean over heads where these are an axis.
        """
        measured = running.measured_shapes(feeds)
        ranks = {
            layer.tensor: len(measured[layer.tensor][1])
            if layer.tensor in measured
            else 4
            for layer in self.layers
        }
        values = running.edited(
            attention.PREFIX,
            lambda proto: attention.add_outputs(proto, self.layers, ranks),
            feeds,
            token,
        )
        names = [info.name for info in running.outputs]
        return dict(zip(names, values, strict=False)), values[len(names) :]

    def looked_at(
        self,
        running: RunningModel,
        made: Made,
        call: int,
        latent: Floats,
        token: CancelToken,
    ) -> dict[str, Any]:
        """Compute the attention to each word at one call, by layer."""
        caught: list[list[Any]] = []

        def ask(feeds: Feeds) -> dict[str, Any]:
            outputs, weights = self.captured(running, feeds, token)
            caught.append(weights)
            return outputs

        making = made.making
        making.denoiser.predict(ask, making.feeds(latent, call))
        return _by_word(caught, made)

    def _conditions(
        self, runner: Runner, options: Options
    ) -> tuple[Condition, Condition | None, tuple[Word, ...]]:
        guided = self.parts.guided and options.guidance > 1
        if self.parts.words is None:
            return self._by_class(options, guided=guided)
        meant = self.prompts.meant(runner, options.prompt, empty_is_nothing=False)
        runner.notes.extend(meant.notes)
        wanted = Condition(hidden=meant.hidden, pooled=meant.pooled)
        if options.blend and options.second_prompt:
            other = self.prompts.meant(
                runner, options.second_prompt, empty_is_nothing=False
            )
            wanted = _between(
                wanted,
                Condition(hidden=other.hidden, pooled=other.pooled),
                options.blend,
            )
        wanted = self._with_label(wanted, options.label)
        if not guided:
            return wanted, None, meant.words
        negative = self.prompts.meant(
            runner, options.negative_prompt, empty_is_nothing=True
        )
        without = Condition(hidden=negative.hidden, pooled=negative.pooled)
        return wanted, self._with_label(without, options.label), meant.words

    def _by_class(
        self, options: Options, *, guided: bool
    ) -> tuple[Condition, Condition | None, tuple[Word, ...]]:
        if self.parts.label is None:
            return Condition(), None, ()
        wanted = Condition(labels=np.array([options.label]))
        if not guided:
            return wanted, None, ()
        return wanted, Condition(labels=np.array([self.parts.null_label])), ()

    def _with_label(self, condition: Condition, label: int) -> Condition:
        if self.parts.label is None:
            return condition
        return Condition(
            hidden=condition.hidden,
            pooled=condition.pooled,
            labels=np.array([label]),
        )


def _between(start: Condition, end: Condition, share: float) -> Condition:
    """Go straight from one prompt's meaning to another's."""

    def mixed(a: Any, b: Any) -> Any:
        return None if a is None else ((1 - share) * a + share * b).astype(a.dtype)

    return Condition(
        hidden=mixed(start.hidden, end.hidden), pooled=mixed(start.pooled, end.pooled)
    )


def _by_word(caught: list[list[Any]], made: Made) -> dict[str, Any]:
    """Return the attention to each word, by layer, of all runs of one call."""
    guided, n = made.making.denoiser.guided, made.making.options.count
    return {
        str(number): attention.by_word(
            np.concatenate(parts), made.words, n, guided=guided
        )
        for number, parts in enumerate(zip(*caught, strict=True))
    }
