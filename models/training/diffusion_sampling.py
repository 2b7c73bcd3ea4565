"""Make pictures with a diffusers folder by raw onnxruntime and numpy.

Song et al., "Denoising Diffusion Implicit Models", 2020
(https://arxiv.org/abs/2010.02502), with the guidance of Ho and Salimans, 2022
(https://arxiv.org/abs/2207.12598). Nothing of Layerscope is used, so that what is
measured with this is what others will find.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from training import publish

STEPS = 30
GUIDANCE = 3.0
Floats = npt.NDArray[np.float32]


class Sampler:
    """A loaded folder.

    Parameters
    ----------
    folder : Path
        With ``model_index.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer/tokenizer.json"))
        tokens = _json(folder / "tokenizer/tokenizer_config.json")
        self._length = int(tokens["model_max_length"])
        self._end = self._tokenizer.token_to_id(str(tokens["pad_token"]))
        self._unet = _json(folder / "unet/config.json")
        self._scale = float(_json(folder / "vae_decoder/config.json")["scaling_factor"])
        schedule = _json(folder / "scheduler/scheduler_config.json")
        start, end = float(schedule["beta_start"]), float(schedule["beta_end"])
        self._n_timesteps = int(schedule["num_train_timesteps"])
        betas = np.linspace(start**0.5, end**0.5, self._n_timesteps) ** 2
        self._shares = np.cumprod(1 - betas)
        self._session = {
            name: _session(folder / name / publish.MODEL_FILE)
            for name in ("text_encoder", "unet", "vae_decoder", "vae_encoder")
        }

    def _run(self, name: str, **feeds: npt.NDArray[np.generic]) -> Floats:
        (answer,) = self._session[name].run(None, feeds)
        return np.asarray(answer, np.float32)

    def words(self, prompts: Sequence[str]) -> Floats:
        """Return the hidden states of `prompts`: (n, length, channels)."""
        rows = []
        for encoding in self._tokenizer.encode_batch(list(prompts)):
            ids = [*encoding.ids[: self._length - 1], self._end]
            ids = encoding.ids if len(encoding.ids) <= self._length else ids
            rows.append(ids + [self._end] * (self._length - len(ids)))
        return self._run("text_encoder", input_ids=np.asarray(rows, np.int32))

    def pictures(
        self,
        prompts: Sequence[str],
        seed: int,
        *,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
    ) -> Floats:
        """Return a picture of each prompt: (n, channels, h, w), about -1 to 1.

        Parameters
        ----------
        prompts : sequence of str
            One for each picture; may be empty.
        seed : int
            Of the noise.
        steps : int
            How many times the U-Net runs.
        guidance : float
            How many times over the difference that the words make is taken.
        """
        n, side = len(prompts), int(self._unet["sample_size"])
        shape = (n, int(self._unet["in_channels"]), side, side)
        latent = np.random.default_rng(seed).standard_normal(shape)
        words = np.concatenate([self.words([""] * n), self.words(prompts)])
        spacing = self._n_timesteps / steps
        times = np.round(np.arange(self._n_timesteps, 0, -spacing)).astype(np.int64) - 1
        for now, after in zip(times, [*times[1:], -1], strict=True):
            without, with_words = np.split(
                self._run(
                    "unet",
                    sample=np.concatenate([latent, latent]).astype(np.float32),
                    timestep=np.array([now]),
                    encoder_hidden_states=words,
                ),
                2,
            )
            velocity = without + guidance * (with_words - without)
            share = self._shares[now]
            following = self._shares[max(after, 0)]
            clean = share**0.5 * latent - (1 - share) ** 0.5 * velocity
            noise = share**0.5 * velocity + (1 - share) ** 0.5 * latent
            latent = following**0.5 * clean + (1 - following) ** 0.5 * noise
        return self._run("vae_decoder", latent_sample=self.unscaled(latent))

    def unscaled(self, latent: npt.NDArray[np.floating]) -> Floats:
        """Return latents of the U-Net as those of the decoder."""
        return (latent / self._scale).astype(np.float32)

    def there_and_back(self, pictures: Floats) -> Floats:
        """Return what encoder and decoder make of (n, channels, h, w) pictures."""
        latent = self._run("vae_encoder", sample=pictures)
        return self._run("vae_decoder", latent_sample=latent)


def _json(path: Path) -> dict[str, object]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _session(path: Path) -> onnxruntime.InferenceSession:
    return publish.cpu_session(path)
