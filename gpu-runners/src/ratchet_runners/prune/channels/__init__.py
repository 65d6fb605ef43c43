"""Structured pruning: channels, attention heads, feed-forward and recurrent widths leave the graph for good."""
