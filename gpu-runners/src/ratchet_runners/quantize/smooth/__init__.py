"""Moves what is hard to quantize from activations into weights."""
