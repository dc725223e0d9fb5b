"""NIR in, NIR out, and the discretised network that the targets share."""
