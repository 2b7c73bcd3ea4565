"""Ten words, spoken by espeak-ng in many voices.

The program is a speech synthesiser by formants (https://github.com/espeak-ng/espeak-ng,
GPL-3.0); it is run and no part of it is copied. No recording of a person is used.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
RATE = 16_000  # samples a second
LENGTH = RATE  # samples of an utterance
ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc", "en-029")
VARIANTS = (
    *(f"m{number}" for number in (1, 2, 3, 4, 6, 7)),
    *(f"f{number}" for number in (1, 2, 3, 5)),
    *("Alex", "Andy", "Annie", "Denis", "Gene", "Hugo", "Lee", "Mario", "Michael"),
    *("adam", "antonio", "aunty", "belinda", "boris", "david", "ed", "grandma", "john"),
    *("linda", "max", "paul", "rob", "sandro", "shelby", "travis", "zac", "klatt2"),
)
HELD_OUT_VARIANTS = ("m5", "m8", "f4", "Alicia", "Marco", "benjamin", "steph", "victor")
Sounds = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Utterances:
    """Words and which they are.

    Attributes
    ----------
    sounds : (n, LENGTH) float32 array
        -1 to 1, `RATE` samples a second, the word in the middle of silence.
    labels : (n,) int64 array
        Into `WORDS`.
    """

    sounds: Sounds
    labels: npt.NDArray[np.int64]


def spoken(variants: tuple[str, ...], per_word: int, seed: int) -> Utterances:
    """Return each of `WORDS` spoken in voices of `variants`.

    Parameters
    ----------
    variants : tuple of str
        espeak-ng's variants of a voice; accent, speed and pitch are drawn by lot.
    per_word : int
        Utterances of a word and a variant.
    seed : int
        Of the lots.

    Raises
    ------
    SystemExit
        If espeak-ng is not installed.
    """
    if shutil.which("espeak-ng") is None:
        raise SystemExit(
            "The program espeak-ng, which speaks the words, was looked for and is not "
            "installed. On Debian: apt-get install espeak-ng"
        )
    random = np.random.default_rng(seed)
    asked = [
        (
            word,
            f"{ACCENTS[random.integers(len(ACCENTS))]}+{variant}",
            int(random.integers(110, 220)),
            int(random.integers(20, 80)),
        )
        for variant in variants
        for word in WORDS
        for _ in range(per_word)
    ]
    with ThreadPoolExecutor(2) as pool:
        sounds = list(pool.map(lambda one: _said(*one), asked))
    labels = [WORDS.index(word) for word, *_ in asked]
    return Utterances(np.stack(sounds), np.asarray(labels, np.int64))


def _said(word: str, voice: str, words_a_minute: int, pitch: int) -> Sounds:
    """Return one word, as loud as it can be."""
    command = ["espeak-ng", "-v", voice, "-s", str(words_a_minute), "-p", str(pitch)]
    run = subprocess.run([*command, "--stdout", word], capture_output=True, check=True)
    with wave.open(io.BytesIO(run.stdout)) as file:
        rate = file.getframerate()
        # espeak-ng cannot know how long a stream gets and states far too much.
        raw = file.readframes(rate * 10)
    samples = np.frombuffer(raw, np.int16).astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    if len(loud):
        samples = samples[loud[0] : loud[-1] + 1]
    divisor = int(np.gcd(rate, RATE))
    samples = signal.resample_poly(samples, RATE // divisor, rate // divisor)[:LENGTH]
    before = (LENGTH - len(samples)) // 2
    padded = np.pad(samples, (before, LENGTH - len(samples) - before))
    return (padded / max(1e-6, float(np.abs(padded).max()))).astype(np.float32)


def disturbed(sounds: Sounds, random: np.random.Generator) -> Sounds:
    """Return sounds moved, made louder or softer, faster or slower, with noise.

    Parameters
    ----------
    sounds : (n, LENGTH) float32 array
        As `spoken` returns them.
    random : Generator
        Moves by up to a tenth of a second; speed within a tenth; loudness down to a
        tenth; noise from 5 to 40 dB below the word, white or falling with frequency.
    """
    n = len(sounds)
    place = np.arange(LENGTH) - LENGTH / 2
    speed = random.uniform(0.9, 1.1, (n, 1))
    shift = random.uniform(-RATE / 10, RATE / 10, (n, 1))
    read = np.clip(place * speed + LENGTH / 2 + shift, 0, LENGTH - 2)
    whole = read.astype(np.int64)
    part = (read - whole).astype(np.float32)
    row = np.arange(n)[:, None]
    moved = (1 - part) * sounds[row, whole] + part * sounds[row, whole + 1]
    noise = random.standard_normal((n, LENGTH)).astype(np.float32)
    falling = np.asarray(signal.lfilter([1.0], [1.0, -0.97], noise, axis=1))
    noise = np.where(random.random((n, 1)) < 0.5, noise, falling)
    power = np.square(moved).mean(1, keepdims=True)
    noise_power = np.square(noise).mean(1, keepdims=True)
    below = random.uniform(5, 40, (n, 1))
    noise = noise * np.sqrt(power / noise_power * 10 ** (-below / 10))
    loudness = 10 ** random.uniform(-1, 0, (n, 1))
    return np.clip((moved + noise) * loudness, -1, 1).astype(np.float32)
