"""onnxruntime without Layerscope, to compare with."""

import onnxruntime

from layerscope.engine.runtime.devices import start_runtime


def raw_session(source):
    """Return a session with onnxruntime's default options.

    Threads apart: once a process has the global pool, and the tests of the runtime
    make it, every session must use it, so here it is made first.
    """
    start_runtime()
    options = onnxruntime.SessionOptions()
    options.use_per_session_threads = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        source, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
