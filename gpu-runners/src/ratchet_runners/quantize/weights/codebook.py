"""Non-linear levels: k-means over a weight's values, those counting most that meet the strongest inputs.

After Han, Mao, Dally, "Deep Compression" (2016), with the sensitivity weights of Kim et al., "SqueezeLLM" (2024), where
the diagonal of the Hessian is that of the layer's squared output error.
"""

from __future__ import annotations

import numpy as np

from ratchet_runners.quantize.weights.levels import Books, Doubles

ITERATIONS = 60


def find_books(weight: Doubles, power: Doubles, books: int, entries: int) -> Books:
    """Codebooks for a weight (out, in) whose inputs have this mean square (in,). `books` must divide the outputs."""
    # A dead input must not make its weights free to be anything: other data may wake it.
    importance = np.broadcast_to(power + 1e-3 * float(power.mean()) + 1e-12, weight.shape)
    parts = weight.reshape(books, -1)
    weights = importance.reshape(books, -1)
    found = [k_means(part, weigh, entries) for part, weigh in zip(parts, weights, strict=True)]
    return Books(np.stack(found).astype(np.float32).astype(np.float64))


def k_means(values: Doubles, importance: Doubles, entries: int) -> Doubles:
    """Weighted one-dimensional k-means (Lloyd), ascending centres (entries,); fewer distinct values are all kept.

    Sums over sorted values make an iteration cost entries x log(values). It begins with quantiles, so nothing is drawn.
    """
    distinct = np.unique(values)
    if len(distinct) <= entries:
        return np.concatenate([distinct, np.full(entries - len(distinct), distinct[-1])])
    order = np.argsort(values, kind="stable")
    ascending, weigh = values[order], importance[order]
    mass = np.concatenate([[0.0], np.cumsum(weigh)])
    moment = np.concatenate([[0.0], np.cumsum(weigh * ascending)])
    # Half quantiles of the mass, half even steps: the first alone would leave the rare large weights to one entry.
    shares = (np.arange(entries) + 0.5) / entries
    quantiles = ascending[np.minimum(np.searchsorted(mass[1:], shares * mass[-1]), len(ascending) - 1)]
    centres = np.sort((quantiles + np.linspace(ascending[0], ascending[-1], entries)) / 2)
    for _ in range(ITERATIONS):
        edges = np.searchsorted(ascending, (centres[1:] + centres[:-1]) / 2, side="right")
        bounds = np.concatenate([[0], edges, [len(ascending)]])
        held = mass[bounds[1:]] - mass[bounds[:-1]]
        sums = moment[bounds[1:]] - moment[bounds[:-1]]
        moved = np.sort(np.where(held > 0, sums / np.where(held > 0, held, 1.0), centres))
        if np.allclose(moved, centres, rtol=1e-7, atol=0):
            break
        centres = moved
    return centres
