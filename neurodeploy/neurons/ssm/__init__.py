"""The SiLIF family as torch layers: a class per neuron, one shared forward."""
