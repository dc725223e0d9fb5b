"""Networks in lava-dl's HDF5 exchange format (`.net`): read as Programs, and written for its `netx`."""
