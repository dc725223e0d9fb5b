"""Networks of recipes that are built of another framework's modules, and trained in it."""
