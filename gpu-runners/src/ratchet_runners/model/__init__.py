"""ONNX models: loading with suspicion, normalising, scoring, comparing."""
