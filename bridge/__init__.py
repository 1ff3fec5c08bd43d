"""The composition root, the daemon's machinery and the command line."""
