"""Rows of sampled traffic: reading, checking, splitting, choosing."""
