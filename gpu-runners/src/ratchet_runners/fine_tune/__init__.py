"""Incremental training of the full-precision reference on fresh labelled rows."""
