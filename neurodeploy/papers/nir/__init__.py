"""The NIR paper's three tasks, run here on our backends and on other frameworks, beside the paper's own numbers."""
