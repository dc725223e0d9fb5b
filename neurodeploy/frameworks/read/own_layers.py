LEAVES: dict[str, object] = {}
