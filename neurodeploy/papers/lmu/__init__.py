"""The LMU papers: psMNIST, the bits that its memory needs, and the delay network, as published and as measured here."""
