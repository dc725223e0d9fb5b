"""A Program: layers and connections of integers, and its file; numpy only."""
