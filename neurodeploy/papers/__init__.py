"""Published systems: their figures and tables beside what is measured here."""
