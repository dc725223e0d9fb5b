"""The chip's integer arithmetic as pure numpy functions; also run inside the Lava worker."""
