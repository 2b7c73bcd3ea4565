"""Tests of what a run of many steps keeps."""

import numpy as np

from layerscope.engine.keepsakes import Keepsakes


def kilobytes(n):
    """An array of so many kilobytes."""
    return {"a": np.zeros(n * 1024, dtype=np.uint8)}


def test_what_was_kept_comes_back_by_kind_and_step():
    keepsakes = Keepsakes()
    latents = {"latents": np.arange(4.0)}
    keepsakes.put("latents", 3, latents)
    keepsakes.put("latents", 1, {"latents": np.zeros(4)})
    keepsakes.put("attention", 7, {})

    assert keepsakes.get("latents", 3) is latents
    assert keepsakes.get("latents", 2) is None
    assert keepsakes.steps("latents") == (1, 3)


def test_the_longest_unseen_goes_first():
    keepsakes = Keepsakes(limit_bytes=3 * 1024)
    for step in range(3):
        keepsakes.put("x", step, kilobytes(1))
    keepsakes.get("x", 0)
    keepsakes.put("x", 3, kilobytes(1))

    assert keepsakes.steps("x") == (0, 2, 3)
    assert keepsakes.dropped == 1


def test_the_newest_stays_however_large():
    keepsakes = Keepsakes(limit_bytes=1024)
    keepsakes.put("x", 0, kilobytes(1))
    keepsakes.put("x", 1, kilobytes(9))

    assert keepsakes.steps("x") == (1,)


def test_putting_again_replaces_and_frees():
    keepsakes = Keepsakes(limit_bytes=3 * 1024)
    keepsakes.put("y", 0, kilobytes(1))
    for _ in range(5):
        keepsakes.put("x", 0, kilobytes(2))

    assert keepsakes.steps("y") == (0,)
    assert keepsakes.dropped == 0


def test_a_new_run_begins_with_nothing():
    keepsakes = Keepsakes()
    keepsakes.put("x", 0, kilobytes(1))
    keepsakes.clear()

    assert keepsakes.steps("x") == ()
