"""The edge: each folder translates between one outside thing and the ports of `core.ports`."""
