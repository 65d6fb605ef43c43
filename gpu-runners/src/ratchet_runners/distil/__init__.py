"""Distillation of a student from a teacher's soft targets."""
