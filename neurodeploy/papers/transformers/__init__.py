"""Spiking transformers: the benchmark's table, and what their operations are counted as under each convention."""
