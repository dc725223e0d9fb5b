"""Architectures built from neurons."""
