"""The network and an ANN of its shape in torch, on CPU and GPU: accuracy, latency, and energy where it is counted."""
