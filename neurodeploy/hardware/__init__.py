"""Chip facts as frozen data, each with its source."""
