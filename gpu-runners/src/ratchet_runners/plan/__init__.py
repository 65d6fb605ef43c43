"""What could be done with a model, what it would take and what it should bring. Light: no numpy, onnx or torch."""
