"""Pictures and pages from saved results."""
