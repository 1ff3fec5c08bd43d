"""Settings and the texts that ship with the bridge."""
