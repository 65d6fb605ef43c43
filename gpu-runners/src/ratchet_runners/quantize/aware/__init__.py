"""Quantization-aware training of the graph that will be deployed."""
