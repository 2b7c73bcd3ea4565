"""onnxruntime without Layerscope, to compare with."""

import onnxruntime


def raw_session(source):
    """Return a session with onnxruntime's default options, its complaints left out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        source, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
