"""Learns which weights are rounded up and which down."""
