"""Compresses served ONNX models: a job document goes in, an ONNX file and a report come out.

Importing the package is light: torch, onnxruntime and pyarrow are imported by the step that needs them.
"""

__version__ = "0.1.0"
