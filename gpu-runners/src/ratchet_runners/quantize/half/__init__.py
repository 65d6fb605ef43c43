"""Sixteen-bit floating point."""
