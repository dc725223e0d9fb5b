"""The event-driven engine in compiled code; docs/simulator.md says how it works and what bounds it."""
