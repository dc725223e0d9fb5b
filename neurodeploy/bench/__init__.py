"""How fast the simulator and training are, beside the peers that are installed, on the same work in one run."""
