"""The rules of the bridge: pure, standard library only. Nothing in here performs an effect."""
