"""Trace to operation counts to energy."""
