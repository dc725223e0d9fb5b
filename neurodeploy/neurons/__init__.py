"""Neuron models as torch modules: parameters, surrogate gradient, and the scan over time they share."""
