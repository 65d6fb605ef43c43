"""Weights in fewer bits, activations in floating point."""
