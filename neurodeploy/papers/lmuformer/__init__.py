"""LMUFormer's paper: accuracy by the frames that have arrived, the delay of every layer, and what a chip can run."""
