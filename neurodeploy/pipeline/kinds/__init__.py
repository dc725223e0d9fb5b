"""The kinds of network that recipes describe, one file each: from their settings to a graph on the chip's grid."""
