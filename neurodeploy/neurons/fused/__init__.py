"""The SiLIF family in one piece over time: compiled kernels on CPU, Triton on GPU.

`engine` and the family's layers come here wherever `engine.missing` gives no reason against it, and otherwise use the
readable versions, which these are held against. float32 only.
"""
