"""Other frameworks: their modules read into graphs, and graphs run by their own importers."""
