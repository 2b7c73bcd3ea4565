"""Fixtures of the tests of training."""

import pytest
import torch
from tqdm import tqdm


@pytest.fixture(scope="module", autouse=True)
def calm_torch():
    """One thread, for small matrices need no more, and no watcher of progress bars."""
    before = torch.get_num_threads(), tqdm.monitor_interval
    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # torch's exporter shows one, whose thread never ends
    yield
    torch.set_num_threads(before[0])
    tqdm.monitor_interval = before[1]
