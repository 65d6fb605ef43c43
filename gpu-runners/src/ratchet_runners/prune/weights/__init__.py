"""Unstructured pruning: single weights become zero; the file is as big and as slow as before."""
