"""Trained networks of the SiLIF family on data: what figures and comparisons are drawn from."""
