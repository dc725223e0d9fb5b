"""The PLIF paper: its networks and accuracies beside those of run folders."""
