"""What the verbs do: one documented function each, and the whole way from a recipe to a report."""
