"""One attempt far from the control plane: fetch, run, deliver, over HTTP alone. Standard library only."""
