"""Pruning: what belongs together in a graph, what matters least, and a graph that is really smaller without it."""
