import json

import onnx
import pytest
from tests import text_models
from tests.engine.lanes import lanes


@pytest.fixture(scope="session")
def decoder_folders(tmp_path_factory):
    """Folders of tiny decoders by the kind of their attention, made when asked for."""
    made = {}

    def folder(kind="unfused", *, cache=True):
        if (kind, cache) not in made:
            path = tmp_path_factory.mktemp("decoder")
            onnx.save(text_models.decoder(kind, cache=cache), path / "model.onnx")
            config = {"architectures": ["TinyForCausalLM"], "model_type": "tiny"}
            (path / "config.json").write_text(json.dumps(config))
            made[kind, cache] = path
        return made[kind, cache]

    return folder


@pytest.fixture
def engine():
    with lanes() as opened:
        yield opened


@pytest.fixture(scope="module")
def kept():
    """Lanes for tests of one file that do not mind what was open before."""
    with lanes() as opened:
        yield opened
