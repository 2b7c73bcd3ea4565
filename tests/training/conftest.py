"""Fixtures of the tests of training."""

import runpy
import sys

import pytest
import torch
from tqdm import tqdm

from layerscope.library.bundled import bundled_models
from training import quick


@pytest.fixture(scope="module", autouse=True)
def calm_torch():
    """One thread, for small matrices need no more, and no watcher of progress bars."""
    before = torch.get_num_threads(), tqdm.monitor_interval
    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # torch's exporter shows one, whose thread never ends
    yield
    torch.set_num_threads(before[0])
    tqdm.monitor_interval = before[1]


@pytest.fixture(scope="module")
def trained(checkout, tmp_path_factory):
    """Return a function that runs ``train.py --quick`` and returns what it wrote."""

    def run(model_id):
        place = tmp_path_factory.mktemp("trained")
        target = place / model_id
        target.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["train.py", "--quick"])
            patch.setattr(quick, "SECONDS", 1.5)
            patch.setattr(quick, "target_folder", lambda folder, quick: target)
            patch.setenv("LAYERSCOPE_TRAIN_CACHE", str(place / "cache"))
            script = checkout / "models" / model_id / "train.py"
            runpy.run_path(str(script), run_name="__main__")
        (entry,) = bundled_models(place)
        return entry

    return run
