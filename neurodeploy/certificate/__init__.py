"""What each stage kept of the stage before, and the first place where it did not."""
