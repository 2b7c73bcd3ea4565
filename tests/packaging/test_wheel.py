"""Build the wheel, install it into an empty environment, start it elsewhere."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from layerscope.library.bundled import bundled_models

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command, **options):
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=500,
        **options,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, checkout)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, checkout, tmp_path_factory):
    """An environment with the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    constraints = checkout / "packaging" / "constraints.txt"
    pip = (sys.executable, "-m", "pip", "--python", python, "-qq")
    run(*pip, "install", "--no-compile", "-c", constraints, wheel)
    return folder


@pytest.fixture
def elsewhere(tmp_path):
    """A folder that is not the checkout, and variables that know nothing of it."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {
        "QT_QPA_PLATFORM": "offscreen",
        "LAYERSCOPE_HOME": str(tmp_path / "home"),
    }
    return {"cwd": tmp_path, "env": environment}


def test_wheel_carries_models_resources_and_licences(wheel, checkout):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    data = "layerscope/data"
    assert f"{data}/models/cifar10-resnet-m/model.onnx" in names
    assert f"{data}/models/cifar10-resnet-m/config.json" in names
    assert f"{data}/resources/samples/01-cat.jpg" in names
    assert f"{data}/resources/fonts/Inter-Regular.otf" in names
    assert "layerscope/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".pt"))]
    # Of arrays only what a model brings to be tried on.
    arrays = {name for name in names if name.endswith(".npz")}
    assert {name.rpartition("/")[2] for name in arrays} <= {"sample.npz"}
    for entry in bundled_models(checkout / "models"):
        files = (path for path in entry.path.rglob("*") if path.suffix != ".pyc")
        for path in files:
            assert path.is_dir() or f"{data}/{path.relative_to(checkout)}" in names


def test_installed_command_knows_its_bundled_models(installed, elsewhere):
    printed = run(installed / "bin" / "layerscope", "models", **elsewhere)

    assert "cifar10-resnet-m" in printed


def test_installed_window_starts_off_screen_in_another_folder(installed, elsewhere):
    picture = elsewhere["cwd"] / "first-run.png"

    printed = run(
        installed / "bin" / "layerscope", "--offscreen-first-run", picture, **elsewhere
    )

    assert "ms" in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    # Qt replaces the files it writes settings to, devices too if root lets it.
    assert Path(os.devnull).is_char_device()
