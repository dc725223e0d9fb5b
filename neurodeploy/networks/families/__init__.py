"""Families of networks that recipes name, one file each, and their table."""
