"""Runs one job document: limits, progress, files."""
