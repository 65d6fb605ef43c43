"""Pruning, fake quantization and distillation in one loop."""
