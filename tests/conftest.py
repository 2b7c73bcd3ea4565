"""Fixtures and rules for all tests."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings
from PySide6.QtWidgets import QApplication

CHECKOUT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("LAYERSCOPE_CORPUS", CHECKOUT.parent / "shared"))
GRACE_S = 5.0  # for threads and processes that were told to end

passed = pytest.StashKey[bool]()
left_out = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config, items):
    """Mark Qt and corpus tests, and leave out what this machine cannot run."""
    reasons = {
        "corpus": None
        if (CORPUS / "onnx" / "index.json").is_file()
        else f"the corpus was looked for in {CORPUS}; set LAYERSCOPE_CORPUS to it",
        "gpu": None if gpu_count() else "this machine has no NVIDIA GPU",
        "xvfb": None
        if os.environ.get("LAYERSCOPE_XVFB")
        else "they need a real X display; `make test` starts one",
    }
    kept, dropped = [], {}
    for item in items:
        if "qapp" in item.fixturenames:
            item.add_marker("gui")
        if "corpus" in item.fixturenames:
            item.add_marker("corpus")
        lacking = [
            m for m, why in reasons.items() if why and item.get_closest_marker(m)
        ]
        if lacking:
            dropped.setdefault(lacking[0], []).append(item)
        else:
            kept.append(item)
    config.stash[left_out] = [
        f"{len(tests)} tests marked {marker} are left out: {reasons[marker]}."
        for marker, tests in dropped.items()
    ]
    if dropped:
        config.hook.pytest_deselected(
            items=[i for group in dropped.values() for i in group]
        )
        items[:] = kept


def pytest_report_collectionfinish(config):
    """Say what was left out and why."""
    return config.stash.get(left_out, [])


def gpu_count():
    """Return how many NVIDIA GPUs the driver of this machine knows."""
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 0
    return count


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember whether the test itself passed, for `no_leaks`."""
    report = yield
    if call.when == "call":
        item.stash[passed] = report.passed
    return report


@pytest.fixture(autouse=True)
def no_leaks(request):
    """Fail a test that leaves a window, thread, process or shared memory behind.

    Autouse fixtures are set up before the others of their scope and so come down
    last. A test that failed already is left alone: its traceback keeps objects alive.
    """
    before = leftovers()
    yield
    if not request.node.stash.get(passed, False):
        return
    if "qapp" in request.fixturenames:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()  # here, on the main thread, and not later in another one
    deadline = time.monotonic() + GRACE_S
    while (new := leftovers() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not new, f"left behind: {', '.join(sorted(map(str, new)))}"


def leftovers():
    """Return everything that a test could leave behind, as comparable objects."""
    return {*visible_windows(), *threads(), *children(), *segments()}


def visible_windows():
    """Return the shown top-level windows."""
    if QApplication.instance() is None:
        return []
    return [window for window in QApplication.topLevelWidgets() if window.isVisible()]


def threads():
    """Return the Python threads that run."""
    return threading.enumerate()


def children():
    """Return the child processes, but for the one that Python keeps for itself."""
    found = []
    for child in psutil.Process().children():
        try:
            own = "multiprocessing.resource_tracker" in " ".join(child.cmdline())
            if not own and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def segments():
    """Return the shared memory that this process made."""
    return Path("/dev/shm").glob(f"layerscope_{os.getpid()}_*")


@pytest.fixture(autouse=True)
def isolated_settings(tmp_path, monkeypatch):
    """Keep the developer's own settings out of the tests."""
    home = tmp_path / "home"
    monkeypatch.setenv("LAYERSCOPE_HOME", str(home))
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        QSettings.setPath(QSettings.Format.IniFormat, scope, str(home))
    return home


@pytest.fixture(scope="session")
def corpus():
    """Folder of other people's models; where it is absent, its tests are left out."""
    return CORPUS


@pytest.fixture(scope="session")
def checkout():
    """Top of the checkout that is tested."""
    return CHECKOUT


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory):
    """Folder with all the files of `tests.models`."""
    from tests.models import write_all

    folder = tmp_path_factory.mktemp("models")
    write_all(folder)
    return folder
