"""The same network, written as another framework's importer does it right."""
