"""Sessions of ONNX Runtime as all here use them. Imports nothing else, so that a fresh process starts quickly."""

from __future__ import annotations

import onnxruntime as ort

from ratchet_runners.faults import ModelUnusable


def session_of(content: bytes, threads: int) -> ort.InferenceSession:
    """A session that keeps to its threads and does not spin. @throws ModelUnusable"""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
        raise ModelUnusable("ONNX Runtime does not load the model", [str(error).strip()]) from error
