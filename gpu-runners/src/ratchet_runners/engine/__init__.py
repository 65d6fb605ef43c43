"""The graph engine: an ONNX graph becomes a torch module, is trained, and its weights go back into the same graph."""
