"""Which parts of a network a chip of spiking neurons runs, told from its modules."""
