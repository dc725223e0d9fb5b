"""Files of networks: NIR with the numbers of a Program, and lava-dl's .net."""
