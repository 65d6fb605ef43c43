"""Fewer bits for weights and activations, after training or while training: one folder a technique."""
