"""What each operator ties together. Importing this fills the table of rules."""

from ratchet_runners.prune.rules import layers, pointwise, recurrent, shapes

__all__ = ["layers", "pointwise", "recurrent", "shapes"]
