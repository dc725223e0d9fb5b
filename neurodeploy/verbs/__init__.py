"""What the verbs do: one documented function each."""
