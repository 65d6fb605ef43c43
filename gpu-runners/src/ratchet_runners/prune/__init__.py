"""Pruning: what belongs together in a graph, what matters least, and a graph that is really smaller without it.

`groups.analyse` traces a model, `importance` and `taylor` score its units, `choose` picks them, `surgery.remove` makes
the smaller graph, `moments.match_moments` brings its layers back to the values that they had.
"""
