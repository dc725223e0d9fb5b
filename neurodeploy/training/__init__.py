"""The training loop on Lightning, its settings, and checkpoints."""
