"""Matrix, encrypted rooms included. `plugin.build` is the way in."""
