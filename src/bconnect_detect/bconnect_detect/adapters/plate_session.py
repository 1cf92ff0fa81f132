"""Opens the ONNX models of the plate reader."""

import onnxruntime

from bconnect_detect.core.detector import Weights
from bconnect_site.errors import ConfigError


def open_session(weights: Weights, threads: int) -> onnxruntime.InferenceSession:
    """A session on the CPU. Raises ConfigError: not a model that can be loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads steal the cores the other nodes need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(weights.path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        reason = " ".join(str(error).split()).removeprefix("[ONNXRuntimeError] : ")[:60]
        raise ConfigError(f"plates: {weights.path}: cannot be loaded ({reason})") from None
