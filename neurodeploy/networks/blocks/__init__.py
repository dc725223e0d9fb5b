"""Parts of networks over frames, (B, T, C), that several networks are built of."""
