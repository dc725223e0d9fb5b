"""A user's own torch module, run once and read into a NIR graph."""

from neurodeploy.reading.graph_of import GraphOf, graph_of

__all__ = ["GraphOf", "graph_of"]
