"""What is wrong with a graph, and what each target does with each of its nodes."""
