import pytest
from tests import diffusion_models
from tests.engine.lanes import lanes


@pytest.fixture(scope="session")
def stable_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipelines") / "tiny-sd"
    return diffusion_models.stable_diffusion(folder)


@pytest.fixture(scope="module")
def stable(stable_folder):
    """Tiny Stable Diffusion, open."""
    with lanes() as opened:
        yield opened.open(stable_folder)


@pytest.fixture
def engine():
    with lanes() as opened:
        yield opened
