"""How fast the simulator is, beside the peers that are installed, on the same work in one run."""
