"""Datasets as spikes: where they are, how they are read, split and checked."""
