"""A real-valued network and a chip's precision to an integer Program."""
