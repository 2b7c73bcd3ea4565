"""Rules of the project that no linter knows."""

import ast
import json
import re
import subprocess
import sys

import pytest
from PySide6.QtCore import QObject

MAX_LINES = 400
INFERENCE_LIBRARIES = ("onnxruntime", "onnx", "torch", "PIL", "tokenizers", "cv2")
TEXT_SUFFIXES = {".md", ".py", ".sh", ".toml", ".txt", ".json", ".yml", ".svg", ".spec"}


def tracked(checkout, pattern="*"):
    """Return the files of the project, those not yet committed included."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z", pattern]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, check=False)
    if listed.returncode:  # an unpacked archive of the sources is no checkout
        folders = ("app", "models", "packaging", "resources", "tests")
        files = (file for name in folders for file in (checkout / name).rglob(pattern))
        return [file for file in files if file.is_file()]
    names = listed.stdout.decode().split("\0")
    return [checkout / name for name in names if name and (checkout / name).is_file()]


def modules_loaded_by(statement, checkout):
    """Return the top-level modules that a fresh interpreter has after `statement`."""
    code = f"{statement}; import json, sys; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, 'app'); {code}"]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {name.partition(".")[0] for name in json.loads(run.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "module",
    [
        "layerscope.ui.main_window",
        "layerscope.ui.panels",
        "layerscope.controller.controller",
        "layerscope.cli",
        "layerscope.__main__",
    ],
)
def test_the_window_process_loads_no_inference_library(module, checkout):
    loaded = modules_loaded_by(f"import {module}", checkout)

    assert loaded.isdisjoint(INFERENCE_LIBRARIES)


@pytest.mark.parametrize(
    "module", ["layerscope.controller.controller", "layerscope.cli"]
)
def test_what_the_command_line_uses_loads_no_qt(module, checkout):
    loaded = modules_loaded_by(f"import {module}", checkout)

    assert loaded.isdisjoint({"PySide6", "shiboken6", "pyqtgraph"})


def test_the_engine_loads_no_torch_before_a_gradient_is_asked_for(checkout):
    loaded = modules_loaded_by("import layerscope.engine.worker", checkout)

    assert "torch" not in loaded


def test_the_package_itself_imports_nothing(checkout):
    tree = ast.parse((checkout / "app" / "layerscope" / "__init__.py").read_text())

    imports = [
        node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert imports == []


def test_no_module_is_longer_than_one_idea_needs(checkout):
    lengths = {
        str(file.relative_to(checkout)): len(file.read_bytes().splitlines())
        for file in tracked(checkout, "*.py")
    }

    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def test_no_file_names_a_place_on_the_machine_it_was_written_on(checkout):
    # A single slash and a first folder that is nobody else's: homes and this checkout.
    place = re.compile(
        r"(?<![\w.])/(?:home|Users|root)/\w+|" + re.escape(str(checkout)) + r"(?![\w-])"
    )
    found = [
        f"{file.relative_to(checkout)}:{number}"
        for file in tracked(checkout)
        if file.suffix in TEXT_SUFFIXES or file.name == "Makefile"
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if place.search(line) and file.name != "test_architecture.py"
    ]

    assert found == []


def test_no_tracked_file_is_huge(checkout):
    sizes = {str(f.relative_to(checkout)): f.stat().st_size for f in tracked(checkout)}
    weights = {name: size for name, size in sizes.items() if name.endswith(".onnx")}
    others = {name: size for name, size in sizes.items() if name not in weights}

    assert {name: size for name, size in weights.items() if size > 25_000_000} == {}
    assert {name: size for name, size in others.items() if size > 5_000_000} == {}
    assert sum(weights.values()) <= 100_000_000


def test_nothing_is_put_off(checkout):
    words = re.compile(r"\b(TODO|FIXME|XXX)\b")
    found = [
        f"{file.relative_to(checkout)}:{number}"
        for file in tracked(checkout, "*.py")
        if file.name != "test_architecture.py"
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if words.search(line)
    ]

    assert found == []


def test_every_requirement_and_its_dependencies_are_pinned(checkout):
    text = (checkout / "packaging" / "constraints.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = [line.partition("==")[0] for line in lines]

    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
    assert len({name.lower().replace("_", "-") for name in names}) == len(names)
    assert "torch==2.13.0" in lines


def test_keys_of_the_readme_are_keys_of_the_window(checkout):
    readme = (checkout / "README.md").read_text("utf-8")
    ui = checkout / "app/layerscope/ui"
    names = ("commands", "making_actions", "tab_actions")
    commands = "".join((ui / f"{name}.py").read_text("utf-8") for name in names)
    keys = set(re.findall(r"\b(?:Ctrl|Alt)\+[\w+]+|\bF\d+\b", readme))

    assert len(keys) > 10
    bound = commands.replace('f"Ctrl+{number + 1}"', '"Ctrl+1", "Ctrl+9"')
    assert [key for key in sorted(keys) if f'"{key}"' not in bound] == []


def test_qt_binding_does_not_wear_none_out():
    # PySide6 6.12.0 on Python 3.11 drops a reference to None in every call of a method
    # without a result, and the interpreter dies after about 5,200 of them.
    thing = QObject()

    for _ in range(20_000):
        thing.setObjectName("layerscope")

    assert thing.objectName() == "layerscope"
