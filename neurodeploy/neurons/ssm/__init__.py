"""The SiLIF family as torch layers: one file per neuron, one shared forward."""
