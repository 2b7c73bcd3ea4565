"""Making sessions: one thread pool for all of them, weights shared where possible."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
import psutil

from layerscope.engine.model.extract import LeanModel

logger = logging.getLogger(__name__)

Session = Any
ProviderList = Sequence[str | tuple[str, dict[str, str]]]
CPU = "CPUExecutionProvider"

_started = False


def n_threads() -> int:
    """Return the size of the thread pool: physical cores this process may use."""
    allowed = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def start_runtime() -> None:
    """Set up onnxruntime for this process; calling it again does nothing."""
    global _started
    if _started:
        return
    ort.set_default_logger_severity(4)  # what fails is raised and put into words
    ort.disable_telemetry_events()
    _started = True


def session_options(
    *,
    prepack: bool = True,
    level: Any = None,
    reuse: bool = True,
    optimised_to: Path | None = None,
    profile_to: Path | None = None,
) -> Any:
    """Return onnxruntime's `SessionOptions` as all sessions here want them.

    Parameters
    ----------
    prepack : bool
        Keep weights in a second, faster layout. Without it, weights in files are
        used where they are mapped, and sessions share their pages.
    level : GraphOptimizationLevel, optional
        None for all optimisations.
    reuse : bool
        Let onnxruntime plan buffers from the shapes that the file states.
    optimised_to, profile_to : Path, optional
        Where to write the optimised graph, or the prefix of a profile.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = n_threads()
    options.log_severity_level = 4
    # A second arena would take what sharing the weights saves; such models are large
    # enough not to feel the difference.
    options.enable_cpu_mem_arena = prepack
    if level is not None:
        options.graph_optimization_level = level
    if not prepack:
        options.add_session_config_entry("session.disable_prepacking", "1")
    if not reuse:
        options.enable_mem_reuse = False
    if optimised_to is not None:
        options.optimized_model_filepath = str(optimised_to)
        entries = {
            "session.optimized_model_external_initializers_file_name": "weights.bin",
            "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
        }
        for key, value in entries.items():
            options.add_session_config_entry(key, value)
    if profile_to is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_to)
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # The threads of a session spin while it runs and sleep as soon as it has run.
    # Else they spin on for some 35 ms and take the cores from the session that runs
    # next, and from summarising and painting what this one gave: six sessions in turn
    # are 2.9 times slower then. A global pool cures the first, but not the second:
    # onnxruntime 1.31 does not stop its spinning.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def session_of_file(path: Path, options: Any, providers: ProviderList) -> Session:
    """Make a session of a model file."""
    return _session(str(path), options, providers)


def session_of_bytes(data: bytes, options: Any, providers: ProviderList) -> Session:
    """Make a session of a whole serialised model."""
    return _session(data, options, providers)


def session_of_lean(lean: LeanModel, options: Any, providers: ProviderList) -> Session:
    """Make a session of a model whose weights are not in its message."""
    arrays = lean.arrays()
    if arrays:
        # Kept until the session stands: onnxruntime copies out of them.
        values = [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
        options.add_external_initializers(list(arrays), values)
    if lean.has_files:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path",
            str(lean.folder.resolve()),
        )
    return _session(lean.proto.SerializeToString(), options, providers)


def _session(source: str | bytes, options: Any, providers: ProviderList) -> Session:
    session = ort.InferenceSession(
        source, options, providers=list(providers), enable_fallback=0
    )
    session.disable_fallback()  # a run that fails must say so, not change the device
    return session


def main_provider(session: Session) -> str:
    """Return the execution provider that got most nodes."""
    try:
        parts = session.get_provider_graph_assignment_info()
        counts: dict[str, int] = {}
        for part in parts:
            nodes = len(part.get_nodes())
            counts[part.ep_name] = counts.get(part.ep_name, 0) + nodes
        if counts:
            return max(counts, key=lambda name: counts[name])
    except Exception:
        logger.debug("no placement for this session", exc_info=True)
    return str(session.get_providers()[0])
